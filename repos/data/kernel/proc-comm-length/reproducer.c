#include "check.h"

/* Gives the process a name of 100 bytes. */
int check(void)
{
	char name[512], back[32] = "";
	int fd = open("/proc/self/comm", O_RDWR), bad;

	word(name, sizeof name - 1);
	bad = same(result(write(fd, name, 100)), 100, "a long name is cut");
	lseek(fd, 0, SEEK_SET);
	bad |= same(result(read(fd, back, sizeof back)), 16, "to what fits");
	return bad | same_bytes(back, name, 15, "and kept");
}
