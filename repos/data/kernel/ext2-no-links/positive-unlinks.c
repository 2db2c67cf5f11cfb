#include "check.h"

/* A good file, and a folder, can be removed and made again. */
int check(void)
{
	if (mount("/dev/ubda", "/mnt", "ext2", 0, NULL))
		return expect(0, "the image can be mounted");
	int bad = expect(unlink("/mnt/file") == 0 && rmdir("/mnt/folder") == 0, "they go");

	bad |= expect(access("/mnt/file", F_OK) == -1, "then it is not there");
	bad |= expect(mkdir("/mnt/folder", 0700) == 0, "a folder is made");
	bad |= expect(rename("/mnt/other", "/mnt/folder/file") == 0, "a file moves into it");
	return bad | expect(umount("/mnt") == 0, "and all is written");
}
