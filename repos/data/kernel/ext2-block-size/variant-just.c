#include "check.h"

/* It says 1024 << 32. */
int check(void)
{
	return expect(mount_image("ext2", NULL) != 0, "the disk is refused");
}
