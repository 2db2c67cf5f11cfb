#include "check.h"

/* Somewhere above half of all numbers, at the other end of the pipe. */
int check(void)
{
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");
	long size = (long)((1UL << 63) + pick(1, 1L << 40));

	bad |= same(result(fcntl(fds[1], F_SETPIPE_SZ, size)), -EINVAL, "it is refused");
	bad |= same(result(fcntl(fds[1], F_GETPIPE_SZ)), 65536, "the size is as it was");
	return bad;
}
