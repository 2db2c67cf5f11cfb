#include "check.h"

/* Valid entries register, show their fields and go away. */
int check(void)
{
	static const char *const entries[] = { ":one:E::ext::/bin/one:", "/two/M//magic///bin/two/P",
					       "-three-E--e3--/bin/three-OC", "xfourxExxe4xx/bin/fourx" };
	static const char *const names[] = { "one", "two", "three", "four" };
	char path[64], text[512] = "";
	int bad = 0;

	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL))
		return expect(0, "binfmt_misc can be mounted");
	for (int i = 0; i < 4; i++) {
		int fd = open("/mnt/register", O_WRONLY);

		/* The second one holds its delimiter in the interpreter: it is no valid entry. */
		bad |= expect((write(fd, entries[i], strlen(entries[i])) > 0) == (i != 1), entries[i]);
		close(fd);
		if (i == 1)
			continue;
		snprintf(path, sizeof path, "/mnt/%s", names[i]);
		fd = open(path, O_RDWR);
		bad |= expect(fd >= 0 && read(fd, text, sizeof text - 1) > 0, "its file can be read");
		snprintf(path, sizeof path, "interpreter /bin/%s", names[i]);
		bad |= expect(strstr(text, path) != NULL, path);
		bad |= expect(write(fd, "-1", 2) == 2, "it can be removed");
		close(fd);
	}
	return bad;
}
