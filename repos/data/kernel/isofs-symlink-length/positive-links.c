#include "check.h"

/* Good links, a long and a short one, read as they were written. */
int check(void)
{
	char target[600];
	long size;
	int bad = expect(mount_image("iso9660", NULL) == 0, "the image can be mounted");

	size = readlink("/mnt/link", target, sizeof target);
	bad |= expect(size == 203 && !memcmp(target, "aaaa", 4) && target[size - 1] == 'd', "long");
	for (int at = 50; at < 203; at += 51)
		bad |= expect(target[at] == '/', "its parts");
	size = readlink("/mnt/short", target, sizeof target);
	return bad | expect(size == 16 && !memcmp(target, "../one/./two/six", 16), "short");
}
