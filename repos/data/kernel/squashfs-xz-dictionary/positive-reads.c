#include "check.h"

/* A good image reads as it was written. */
int check(void)
{
	uint32_t sum = 0;
	int bad = expect(mount_image("squashfs", NULL) == 0, "the image can be mounted");

	bad |= expect(read_file("/mnt/victim.bin", &sum) == 300 && sum == 0xf313ed21, "a small file");
	bad |= expect(read_file("/mnt/whole.bin", &sum) == 9000 && sum == 0xe47888d3, "a larger file");
	return bad;
}
