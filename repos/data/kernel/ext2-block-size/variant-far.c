#include "check.h"

/* It says far more. */
int check(void)
{
	return expect(mount_image("ext2", NULL) != 0, "the disk is refused");
}
