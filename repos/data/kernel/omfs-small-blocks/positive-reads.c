#include "check.h"
#include <dirent.h>

/* A good disk lists its one directory, and finds it by name. */
int check(void)
{
	int bad = expect(mount_image("omfs", NULL) == 0, "the disk can be mounted"), seen = 0;
	DIR *folder = opendir("/mnt");
	struct dirent *entry;
	struct stat about;

	while (folder && (entry = readdir(folder)))
		seen += !strcmp(entry->d_name, "songs");
	bad |= expect(seen == 1, "the directory is listed");
	bad |= expect(stat("/mnt/songs", &about) == 0 && S_ISDIR(about.st_mode), "it is found");
	return bad | expect(stat("/mnt/other", &about) == -1 && errno == ENOENT, "others are not");
}
