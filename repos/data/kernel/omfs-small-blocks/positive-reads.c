#include "check.h"
#include <dirent.h>

/* A good disk lists its one directory, and finds it by name. */
int check(void)
{
	int bad = same(mount_image("omfs", NULL), 0, "the disk can be mounted"), seen = 0;
	DIR *folder = opendir("/mnt");
	struct dirent *entry;
	struct stat about;
	char other[24] = "/mnt/";

	while (folder && (entry = readdir(folder)))
		{
		answer_bytes(entry->d_name, strlen(entry->d_name));
		seen += !strcmp(entry->d_name, "songs");
	}
	bad |= same(seen, 1, "the directory is listed");
	bad |= same(result(stat("/mnt/songs", &about)), 0, "it is found");
	word(other + 5, pick(6, 15));
	return bad | same(result(stat(other, &about)), -ENOENT, "others are not");
}
