#include "check.h"

/* A pipe whose content fits can be made smaller and larger. */
int check(void)
{
	static char page[4096], back[4096];
	int fds[2], bad = expect(pipe(fds) == 0, "a pipe");

	memset(page, 9, sizeof page);
	bad |= expect(write(fds[1], page, 4096) == 4096, "a page is written");
	bad |= expect(fcntl(fds[0], F_SETPIPE_SZ, 2 * 4096) == 8192, "it shrinks");
	bad |= expect(write(fds[1], page, 4096) == 4096, "a page more");
	bad |= expect(fcntl(fds[0], F_SETPIPE_SZ, 64 * 4096) == 64 * 4096, "it grows");
	for (int i = 0; i < 2; i++)
		bad |= expect(read(fds[0], back, 4096) == 4096 && !memcmp(page, back, 4096), "read");
	return bad;
}
