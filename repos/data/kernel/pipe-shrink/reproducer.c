#include "check.h"

/* Makes a pipe of twelve pages smaller. */
int check(void)
{
	static char pages[12][4096], back[4096];
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");

	fill(pages, sizeof pages);
	for (int i = 0; i < 12; i++)
		bad |= same(result(write(fds[1], pages[i], 4096)), 4096, "a page is written");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, 2 * 4096)), -EBUSY, "it is busy");
	for (int i = 0; i < 12; i++) {
		bad |= same(result(read(fds[0], back, 4096)), 4096, "a page is read");
		bad |= same_bytes(back, pages[i], 4096, "the same page");
	}
	return bad;
}
