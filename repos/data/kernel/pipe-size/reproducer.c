#include "check.h"

/* Asks for the largest pipe; the kernel's own checks for undefined behaviour must see nothing. */
int check(void)
{
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");

	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, -1L)), -EINVAL, "it is refused");
	bad |= same(result(fcntl(fds[0], F_GETPIPE_SZ)), 65536, "the size is as it was");
	return bad;
}
