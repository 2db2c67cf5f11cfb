#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Closes several, one of them used. */
int check(void)
{
	uint64_t value = pick(1, 1000), back;
	int bad = 0;

	for (int i = 0; i < 20; i++) {
		int fd = eventfd(i, EFD_NONBLOCK), start = i;

		bad |= same(result(write(fd, &value, 8)), 8, "it can be written");
		bad |= same(result(read(fd, &back, 8)), 8, "and read");
		bad |= same(back, start + value, "what was counted");
		close(fd);
	}
	return bad;
}
