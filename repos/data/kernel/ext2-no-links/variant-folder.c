#include "check.h"

/* Removes a folder like that. */
int check(void)
{
	if (mount("/dev/ubda", "/mnt", "ext2", 0, NULL))
		return expect(0, "the image can be mounted");
	return expect(rmdir("/mnt/folder") != 0, "the folder is refused");
}
