#include "check.h"

/* Looks a name up on a disk whose blocks are 447 bytes: a directory has no room for a name. */
int check(void)
{
	int failed = mount_image("omfs", NULL);

	if (!failed)
		access("/mnt/name", F_OK);
	return expect(failed != 0, "the disk is refused");
}
