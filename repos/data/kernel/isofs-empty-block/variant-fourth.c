#include "check.h"

/* The fourth block is empty. */
int check(void)
{
	long size;

	if (mount_image("iso9660", NULL))
		return expect(0, "the image can be mounted");
	size = read_file("/mnt/victim.bin", NULL);
	return expect(size == 8192 || size < 0, "the file is read whole or refused");
}
