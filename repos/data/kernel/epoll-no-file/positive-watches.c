#include "check.h"
#include <sys/epoll.h>

/* Events of a pipe are told. */
int check(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 42 }, told;
	int poller = epoll_create1(0), fds[2], bad;

	pipe(fds);
	bad = expect(epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &event) == 0, "it is watched");
	bad |= expect(epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &event) == -1 && errno == EEXIST, "once");
	bad |= expect(epoll_wait(poller, &told, 1, 0) == 0, "nothing yet");
	bad |= expect(write(fds[1], "x", 1) == 1, "a byte");
	bad |= expect(epoll_wait(poller, &told, 1, 100) == 1 && told.data.u64 == 42, "told");
	bad |= expect(epoll_ctl(poller, EPOLL_CTL_DEL, fds[0], NULL) == 0, "let go");
	return bad;
}
