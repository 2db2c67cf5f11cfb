#include "check.h"

/* Of 17 bytes. */
int check(void)
{
	char name[512];
	int fd = open("/proc/self/comm", O_WRONLY);

	memset(name, 'n', sizeof name);
	return expect(write(fd, name, 17) == 17, "a long name is cut");
}
