#include "check.h"

/* Makes a twin of a descriptor, closes the first and uses the second. */
int check(void)
{
	struct stat about;
	int fd = open("/token", O_RDONLY), twin = dup2(fd, 20);

	close(fd);
	usleep(200000);
	return same(result(fstat(twin, &about)), 0, "the twin works") |
	       same(about.st_size, 32, "it is that file");
}
