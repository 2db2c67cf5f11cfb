#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Closes an event file. */
int check(void)
{
	uint64_t count = pick(1, 1000), back = 0;
	int fd = eventfd(count, 0), bad;

	bad = same(result(read(fd, &back, 8)), 8, "an event file can be read");
	bad |= same(back, count, "what it counted");
	return bad | same(result(close(fd)), 0, "an event file can be closed");
}
