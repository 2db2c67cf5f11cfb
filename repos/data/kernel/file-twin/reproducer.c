#include "check.h"

/* Makes a twin of a descriptor, closes the first and uses the second. */
int check(void)
{
	struct stat about;
	int fd = open("/token", O_RDONLY), twin = dup2(fd, 20);

	close(fd);
	usleep(200000);
	return expect(fstat(twin, &about) == 0 && about.st_size > 0, "the twin works");
}
