#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Counts, reads and polls; the program ends without closing. */
int check(void)
{
	int fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE), twin = dup(fd), bad;
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };
	uint64_t value = 5;

	bad = expect(write(fd, &value, 8) == 8, "it can be written");
	bad |= expect(poll(&poller, 1, 0) == 1 && poller.revents == (POLLIN | POLLOUT), "poll");
	for (int i = 0; i < 7; i++)
		bad |= expect(read(fd, &value, 8) == 8 && value == 1, "one at a time");
	bad |= expect(read(fd, &value, 8) == -1 && errno == EAGAIN, "then nothing");
	bad |= expect(close(twin) == 0, "a twin can be closed");
	if (bad)
		return bad;
	/* On the way out the last one would be closed: stay until the end is told. */
	if (fork())
		return 0;
	sleep(1000);
	return 1;
}
