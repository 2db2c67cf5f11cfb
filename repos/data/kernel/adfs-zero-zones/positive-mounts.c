#include "check.h"

/* A disc with one zone can be mounted, and its size is told. */
#include <sys/statfs.h>

int check(void)
{
	struct statfs about;
	int bad = expect(mount_image("adfs", NULL) == 0, "the disc can be mounted");

	bad |= expect(statfs("/mnt", &about) == 0 && about.f_type == 0xadf5, "it is an ADFS");
	bad |= expect(about.f_bsize == 1024 && about.f_blocks == 64, "its size is told");
	return bad;
}
