#include "check.h"

/* Mounts a disc whose boot block says that it has no zones. */
int check(void)
{
	return expect(mount_image("adfs", NULL) != 0, "the disc is refused");
}
