#include "check.h"
#include <sys/epoll.h>

/* Asks to watch a descriptor that is not open. */
int check(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poller = epoll_create1(0);

	return same(result(epoll_ctl(poller, EPOLL_CTL_ADD, 777, &event)), -EBADF, "refused");
}
