#include "check.h"

/* Mounts an image that names a dictionary of no size. */
int check(void)
{
	return expect(mount_image("squashfs", NULL) != 0, "the image is refused");
}
