#include "check.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* To the longest name. */
int check(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, back;
	int one = socket(AF_UNIX, SOCK_STREAM, 0), bad;
	socklen_t size = sizeof back, length = offsetof(struct sockaddr_un, sun_path) + 108;

	fill(address.sun_path + 1, 107);
	bad = same(result(bind(one, (struct sockaddr *)&address, length)), 0, "an abstract name");
	bad |= same(result(getsockname(one, (struct sockaddr *)&back, &size)), 0, "it is told");
	bad |= same(size, length, "its length");
	bad |= same_bytes(&back, &address, length, "it is told as it was given");
	return bad;
}
