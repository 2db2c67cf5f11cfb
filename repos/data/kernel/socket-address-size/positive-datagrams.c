#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Datagrams reach an address. */
int check(void)
{
	struct sockaddr_un address = { AF_UNIX };
	int in = socket(AF_UNIX, SOCK_DGRAM, 0), out = socket(AF_UNIX, SOCK_DGRAM, 0), bad;
	char data[200], text[200];
	int size = pick(1, 200);

	word(address.sun_path + 1, pick(3, 60));
	fill(data, size);
	bad = same(result(bind(in, (void *)&address, sizeof address)), 0, "it is bound");
	bad |= same(result(sendto(out, data, size, 0, (void *)&address, sizeof address)), size, "sent");
	bad |= same(result(recv(in, text, sizeof text, 0)), size, "received");
	return bad | same_bytes(text, data, size, "as it was sent");
}
