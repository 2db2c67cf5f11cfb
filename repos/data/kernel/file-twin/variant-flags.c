#include "check.h"

/* The same with dup3, and a read. */
int check(void)
{
	char text[8];
	int fd = open("/proc/self/comm", O_RDONLY), twin = dup3(fd, 9, O_CLOEXEC);

	close(fd);
	usleep(200000);
	return expect(read(twin, text, 4) == 4, "the twin works");
}
