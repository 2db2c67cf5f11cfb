#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Closes several, one of them used. */
int check(void)
{
	uint64_t value = 3;
	int bad = 0;

	for (int i = 0; i < 20; i++) {
		int fd = eventfd(i, EFD_NONBLOCK);

		bad |= expect(write(fd, &value, 8) == 8, "it can be written");
		close(fd);
	}
	return bad;
}
