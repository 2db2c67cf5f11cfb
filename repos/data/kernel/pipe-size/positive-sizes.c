#include "check.h"

/* Small sizes are rounded up to powers of two, those above 2 GiB are refused. */
int check(void)
{
	static char data[1 << 17], back[1 << 17];
	int fds[2], bad = same(result(pipe(fds)), 0, "a pipe");
	long size = pick(65537, 1 << 17), got = 0, now;

	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, pick(0, 4096))), 4096, "one page");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, pick(4097, 8192))), 8192, "two pages");
	bad |= same(result(fcntl(fds[0], F_SETPIPE_SZ, 1L << 32)), -EINVAL, "too large");
	bad |= same(result(fcntl(fds[0], F_GETPIPE_SZ)), 8192, "two pages still");
	bad |= same(result(fcntl(fds[1], F_SETPIPE_SZ, size)), 1 << 17, "many pages");
	fill(data, size);
	bad |= same(result(write(fds[1], data, size)), size, "all of it is written");
	while (got < size && (now = read(fds[0], back + got, size - got)) > 0)
		got += now;
	bad |= same(got, size, "and read");
	bad |= same_bytes(back, data, size, "the same");
	return bad;
}
