#include "check.h"

/* A disc with one zone can be mounted, and its size is told. */
#include <sys/statfs.h>

int check(void)
{
	struct statfs about;
	int bad = same(mount_image("adfs", NULL), 0, "the disc can be mounted");

	bad |= same(result(statfs("/mnt", &about)), 0, "it can be asked");
	bad |= same(about.f_type, 0xadf5, "it is an ADFS");
	bad |= same(about.f_bsize, 1024, "the size of its blocks");
	bad |= same(about.f_blocks, 64, "their number");
	return bad;
}
