#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Sends to one. */
int check(void)
{
	static char address[400] = { AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return same(result(sendto(fd, "x", 1, 0, (void *)address, 300)), -EINVAL, "refused");
}
