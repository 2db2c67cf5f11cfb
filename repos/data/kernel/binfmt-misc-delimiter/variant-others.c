#include "check.h"

/* The letters of other flags. */
int check(void)
{
	int bad = 0;
	const char *flags = "OC";

	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL))
		return expect(0, "binfmt_misc can be mounted");
	for (const char *d = flags; *d; d++)
		for (int length = 1; length <= 24; length++) {
			char entry[96];
			int fd = open("/mnt/register", O_WRONLY);
			int size = snprintf(entry, sizeof entry, "%cx%cE%c%cext%c%c/bin/%.*s%c", *d, *d, *d,
					    *d, *d, *d, length, "abcdefghijklmnopqrstuvwxyz", *d);
			ssize_t done = write(fd, entry, size);

			printf("register %s: %zd\n", entry, done);
			close(fd);
			bad |= expect(done <= 0, "an entry with this delimiter is refused");
		}
	return bad;
}
