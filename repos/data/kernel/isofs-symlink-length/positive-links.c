#include "check.h"

/* Good links, a long and a short one, read as they were written. */
int check(void)
{
	char target[600], wanted[204];
	long size;
	int bad = same(mount_image("iso9660", NULL), 0, "the image can be mounted");

	for (int at = 0; at < 203; at++)
		wanted[at] = at % 51 == 50 ? '/' : "abcd"[at / 51];
	size = result(readlink("/mnt/link", target, sizeof target));
	bad |= same(size, 203, "long");
	bad |= same_bytes(target, wanted, 203, "its parts");
	size = result(readlink("/mnt/short", target, pick(16, 600)));
	bad |= same(size, 16, "short");
	return bad | same_bytes(target, "../one/./two/six", 16, "its parts");
}
