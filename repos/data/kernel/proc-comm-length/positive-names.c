#include "check.h"

/* A name is kept. */
int check(void)
{
	char name[32], back[32] = "";
	int length = pick(3, 15), fd = open("/proc/self/comm", O_RDWR), bad;

	word(name, length);
	bad = same(result(write(fd, name, length)), length, "it is written");
	close(fd);
	fd = open("/proc/self/comm", O_RDONLY);
	bad |= same(result(read(fd, back, 31)), length + 1, "it is read");
	return bad | same_bytes(back, name, length, "as it was given");
}
