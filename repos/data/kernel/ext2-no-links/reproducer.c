#include "check.h"

/* Removes a file whose inode says that it has no links. */
int check(void)
{
	if (mount("/dev/ubda", "/mnt", "ext2", 0, NULL))
		return expect(0, "the image can be mounted");
	return expect(unlink("/mnt/file") != 0, "the file is refused");
}
