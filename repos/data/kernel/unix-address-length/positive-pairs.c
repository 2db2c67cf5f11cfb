#include "check.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Pairs work, bad addresses are refused. */
int check(void)
{
	struct sockaddr_un address = { .sun_family = AF_INET };
	char data[100], text[100];
	int size = pick(1, 100);
	int pair[2], bad;

	fill(data, size);
	bad = same(result(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)), 0, "a pair");
	bad |= same(result(write(pair[0], data, size)), size, "bytes are sent");
	bad |= same(result(read(pair[1], text, sizeof text)), size, "they come");
	bad |= same_bytes(text, data, size, "the same bytes");
	bad |= same(result(bind(pair[0], (struct sockaddr *)&address, 10)), -EINVAL, "another family is refused");
	return bad;
}
