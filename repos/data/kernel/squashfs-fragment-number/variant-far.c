#include "check.h"

/* A larger number. */
int check(void)
{
	if (mount_image("squashfs", NULL))
		return 0;
	return expect(read_file("/mnt/victim.bin", NULL) != 300, "a file without data is refused");
}
