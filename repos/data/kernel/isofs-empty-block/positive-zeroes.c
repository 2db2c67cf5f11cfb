#include "check.h"

/* An empty block of a whole page reads as zeroes. */
int check(void)
{
	static unsigned char data[4096];
	int fd, bad = expect(mount_image("iso9660", NULL) == 0, "the image can be mounted");

	fd = open("/mnt/victim.bin", O_RDONLY);
	bad |= expect(pread(fd, data, 4096, 4096) == 4096, "the second page can be read");
	for (int i = 0; i < 4096; i++)
		if (data[i])
			return expect(0, "it holds zeroes");
	close(fd);
	return bad;
}
