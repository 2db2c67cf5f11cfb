#include "check.h"

/* Gives the process a name of 100 bytes. */
int check(void)
{
	char name[512];
	int fd = open("/proc/self/comm", O_WRONLY);

	memset(name, 'n', sizeof name);
	return expect(write(fd, name, 100) == 100, "a long name is cut");
}
