#include "check.h"

/* Puts another file in its place. */
int check(void)
{
	if (mount("/dev/ubda", "/mnt", "ext2", 0, NULL))
		return expect(0, "the image can be mounted");
	return expect(rename("/mnt/other", "/mnt/file") != 0, "the file is refused");
}
