#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Connects to one. */
int check(void)
{
	static char address[900] = { AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return same(result(connect(fd, (void *)address, 800)), -EINVAL, "refused");
}
