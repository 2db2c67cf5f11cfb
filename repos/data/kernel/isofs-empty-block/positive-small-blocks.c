#include "check.h"

/* A good compressed file and a plain one read as they were written. */
int check(void)
{
	uint32_t sum = 0;
	int bad = expect(mount_image("iso9660", NULL) == 0, "the image can be mounted");

	bad |= expect(read_file("/mnt/victim.bin", &sum) == 8192 && sum == 0xbbd67557, "compressed");
	bad |= expect(read_file("/mnt/plain.bin", &sum) == 5000 && sum == 0xb4256e31, "plain");
	return bad;
}
