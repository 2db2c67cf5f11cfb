#include "check.h"

/* A name is kept. */
int check(void)
{
	char name[32] = "";
	int fd = open("/proc/self/comm", O_RDWR), bad;

	bad = expect(write(fd, "short", 5) == 5, "it is written");
	close(fd);
	fd = open("/proc/self/comm", O_RDONLY);
	bad |= expect(read(fd, name, 31) == 6 && !strcmp(name, "short\n"), "it is read");
	return bad;
}
