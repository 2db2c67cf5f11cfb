#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Closes an event file. */
int check(void)
{
	int fd = eventfd(1, 0);

	return expect(fd >= 0 && close(fd) == 0, "an event file can be closed");
}
