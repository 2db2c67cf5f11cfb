#include "check.h"

/* A size whose highest bit alone is set. */
int check(void)
{
	return expect(mount_image("squashfs", NULL) != 0, "the image is refused");
}
