#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Binds to an address of 600 bytes. */
int check(void)
{
	static char address[600] = { AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return same(result(bind(fd, (void *)address, sizeof address)), -EINVAL, "refused");
}
