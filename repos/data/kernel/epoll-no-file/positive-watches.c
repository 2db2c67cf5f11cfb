#include "check.h"
#include <sys/epoll.h>

/* Events of a pipe are told. */
int check(void)
{
	struct epoll_event event = { .events = EPOLLIN }, seen = { 0 };
	int poller = epoll_create1(0), fds[2], bad;

	event.data.u64 = pick(1, 1L << 40);
	pipe(fds);
	bad = same(result(epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &event)), 0, "it is watched");
	bad |= same(result(epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &event)), -EEXIST, "once");
	bad |= same(result(epoll_wait(poller, &seen, 1, 0)), 0, "nothing yet");
	bad |= same(result(write(fds[1], "x", 1)), 1, "a byte");
	bad |= same(result(epoll_wait(poller, &seen, 1, 100)), 1, "told");
	bad |= same(seen.data.u64, event.data.u64, "as it was asked for");
	bad |= same(result(epoll_ctl(poller, EPOLL_CTL_DEL, fds[0], NULL)), 0, "let go");
	return bad;
}
