#include "check.h"

/* Reads a file whose inode names a negative place in its fragment. */
int check(void)
{
	if (mount_image("squashfs", NULL))
		return 0;
	return expect(read_file("/mnt/victim.bin", NULL) != 300, "a file without data is refused");
}
