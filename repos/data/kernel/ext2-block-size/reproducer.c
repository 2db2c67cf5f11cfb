#include "check.h"

/* Mounts a disk whose superblock says that a block has 1024 << 64 bytes. */
int check(void)
{
	return expect(mount_image("ext2", NULL) != 0, "the disk is refused");
}
