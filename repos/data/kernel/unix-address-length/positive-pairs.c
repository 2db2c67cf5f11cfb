#include "check.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Pairs work, bad addresses are refused. */
int check(void)
{
	struct sockaddr_un address = { .sun_family = AF_INET };
	char text[8] = "";
	int pair[2], bad;

	bad = expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair");
	bad |= expect(write(pair[0], "hello", 5) == 5 && read(pair[1], text, 8) == 5, "bytes pass");
	bad |= expect(!strcmp(text, "hello"), "the same bytes");
	bad |= expect(bind(pair[0], (struct sockaddr *)&address, 10) == -1 && errno == EINVAL,
		      "another family is refused");
	return bad;
}
