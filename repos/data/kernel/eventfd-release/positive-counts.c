#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Counts, reads and polls; the program ends without closing. */
int check(void)
{
	int first = pick(1, 9), more = pick(1, 9), fd = eventfd(first, EFD_NONBLOCK | EFD_SEMAPHORE);
	int twin = dup(fd), seen = 0, bad;
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };
	uint64_t value = more;

	bad = same(result(write(fd, &value, 8)), 8, "it can be written");
	bad |= same(result(poll(&poller, 1, 0)), 1, "poll");
	bad |= same(poller.revents, POLLIN | POLLOUT, "both");
	while (seen < 100 && read(fd, &value, 8) == 8 && value == 1)
		seen++;
	bad |= same(seen, first + more, "one at a time");
	bad |= same(result(read(fd, &value, 8)), -EAGAIN, "then nothing");
	bad |= same(result(close(twin)), 0, "a twin can be closed");
	if (bad)
		return bad;
	/* On the way out the last one would be closed: stay until the end is told. */
	if (fork())
		return 0;
	sleep(1000);
	return 1;
}
