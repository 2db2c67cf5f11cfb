#include "check.h"

/* Makes a pipe of twelve pages smaller. */
int check(void)
{
	static char page[4096];
	int fds[2], bad = expect(pipe(fds) == 0, "a pipe");

	for (int i = 0; i < 12; i++)
		bad |= expect(write(fds[1], page, sizeof page) == sizeof page, "a page is written");
	bad |= expect(fcntl(fds[0], F_SETPIPE_SZ, 2 * 4096) == -1 && errno == EBUSY, "it is busy");
	return bad;
}
