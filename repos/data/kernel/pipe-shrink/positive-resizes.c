#include "check.h"

/* A pipe whose content fits can be made smaller and larger. */
int check(void)
{
	static char page[4096], back[4096];
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");

	fill(page, sizeof page);
	bad |= same(result(write(fds[1], page, 4096)), 4096, "a page is written");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, 2 * 4096)), 8192, "it shrinks");
	bad |= same(result(write(fds[1], page, 4096)), 4096, "a page more");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, 64 * 4096)), 64 * 4096, "it grows");
	for (int i = 0; i < 2; i++) {
		bad |= same(result(read(fds[0], back, 4096)), 4096, "read");
		bad |= same_bytes(back, page, 4096, "the same");
	}
	return bad;
}
