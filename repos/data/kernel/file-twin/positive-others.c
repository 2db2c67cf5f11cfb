#include "check.h"

/* Twins that other calls make work, and one descriptor is enough. */
int check(void)
{
	struct stat about;
	int least = pick(20, 200), fd = open("/token", O_RDONLY), twin = dup(fd), third = fcntl(fd, F_DUPFD, least);
	int bad = same(result(third), least, "its number is as asked for");

	close(fd);
	usleep(200000);
	bad |= same(result(fstat(twin, &about)), 0, "the second works");
	bad |= same(result(fstat(third, &about)), 0, "the third works");
	bad |= same(about.st_size, 32, "it is that file");
	return bad | same(result(dup2(-1, 5)), -EBADF, "what is not open has none");
}
