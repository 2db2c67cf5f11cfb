#include "check.h"
#include <sys/epoll.h>

/* One that was closed. */
int check(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poller = epoll_create1(0), fds[2];

	pipe(fds);
	close(fds[0]);
	return same(result(epoll_ctl(poller, EPOLL_CTL_DEL, fds[0], &event)), -EBADF, "refused");
}
