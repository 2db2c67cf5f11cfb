#include "check.h"

/* It says 255. */
int check(void)
{
	char target[600];

	if (mount_image("iso9660", NULL))
		return expect(0, "the image can be mounted");
	return expect(readlink("/mnt/link", target, sizeof target) == -1, "the link is refused");
}
