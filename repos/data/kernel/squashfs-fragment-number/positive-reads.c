#include "check.h"

/* A good image reads as it was written. */
int check(void)
{
	int bad = same(mount_image("squashfs", NULL), 0, "the image can be mounted");

	bad |= reads("/mnt/victim.bin", 300, 0xf313ed21, "a small file");
	bad |= reads("/mnt/whole.bin", 9000, 0xe47888d3, "a larger file");
	return bad;
}
