#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Datagrams reach an address. */
int check(void)
{
	struct sockaddr_un address = { AF_UNIX, "\0place" };
	int in = socket(AF_UNIX, SOCK_DGRAM, 0), out = socket(AF_UNIX, SOCK_DGRAM, 0), bad;
	char text[8] = "";

	bad = expect(bind(in, (void *)&address, sizeof address) == 0, "it is bound");
	bad |= expect(sendto(out, "hello", 5, 0, (void *)&address, sizeof address) == 5, "sent");
	bad |= expect(recv(in, text, 8, 0) == 5 && !strcmp(text, "hello"), "received");
	return bad;
}
