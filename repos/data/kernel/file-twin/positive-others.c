#include "check.h"

/* Twins that other calls make work, and one descriptor is enough. */
int check(void)
{
	struct stat about;
	int fd = open("/token", O_RDONLY), twin = dup(fd), third = fcntl(fd, F_DUPFD, 30);
	int bad = expect(third >= 30, "its number is as asked for");

	close(fd);
	usleep(200000);
	bad |= expect(fstat(twin, &about) == 0 && fstat(third, &about) == 0, "the twins work");
	return bad | expect(dup2(-1, 5) == -1 && errno == EBADF, "what is not open has none");
}
