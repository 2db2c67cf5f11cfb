#include "check.h"

/* A full pipe. */
int check(void)
{
	static char pages[16][4096], back[4096];
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");

	fill(pages, sizeof pages);
	for (int i = 0; i < 16; i++)
		bad |= same(result(write(fds[1], pages[i], 4096)), 4096, "a page is written");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, 4 * 4096)), -EBUSY, "it is busy");
	for (int i = 0; i < 16; i++) {
		bad |= same(result(read(fds[0], back, 4096)), 4096, "a page is read");
		bad |= same_bytes(back, pages[i], 4096, "the same page");
	}
	return bad;
}
