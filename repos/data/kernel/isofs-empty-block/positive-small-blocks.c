#include "check.h"

/* A good compressed file and a plain one read as they were written. */
int check(void)
{
	int bad = same(mount_image("iso9660", NULL), 0, "the image can be mounted");

	bad |= reads("/mnt/victim.bin", 8192, 0xbbd67557, "compressed");
	bad |= reads("/mnt/plain.bin", 5000, 0xb4256e31, "plain");
	return bad;
}
