#include "check.h"

/* Flags after a usual delimiter are kept. */
int check(void)
{
	char text[512] = "";
	int fd, bad = 0;

	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL))
		return expect(0, "binfmt_misc can be mounted");
	fd = open("/mnt/register", O_WRONLY);
	bad |= expect(write(fd, ":all:E::ext::/bin/all:POC", 25) == 25, "flags are accepted");
	close(fd);
	fd = open("/mnt/all", O_RDONLY);
	bad |= expect(read(fd, text, sizeof text - 1) > 0, "its file can be read");
	close(fd);
	bad |= expect(strstr(text, "flags: POC") != NULL, "the flags are shown");
	return bad;
}
