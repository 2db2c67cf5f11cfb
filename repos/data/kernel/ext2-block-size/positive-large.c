#include "check.h"

/* A good disk reads as it was written. */
int check(void)
{
	int bad = same(mount_image("ext2", NULL), 0, "the disk can be mounted");

	bad |= reads("/mnt/victim.bin", 300, 0xf313ed21, "a small file");
	bad |= reads("/mnt/whole.bin", 9000, 0xe47888d3, "a larger file");
	return bad;
}
