#include "check.h"

/* An empty block of a whole page reads as zeroes. */
int check(void)
{
	static unsigned char data[4096], none[4096];
	int fd, bad = same(mount_image("iso9660", NULL), 0, "the image can be mounted");

	fd = open("/mnt/victim.bin", O_RDONLY);
	bad |= same(result(pread(fd, data, 4096, 4096)), 4096, "the second page can be read");
	bad |= same_bytes(data, none, 4096, "it holds zeroes");
	close(fd);
	return bad;
}
