#include "check.h"

/* The same with other numbers of spare bits and bytes. */
int check(void)
{
	return expect(mount_image("adfs", NULL) != 0, "the disc is refused");
}
