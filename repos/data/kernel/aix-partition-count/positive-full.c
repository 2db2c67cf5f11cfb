#include "check.h"

/* A good disk has its partition where the table says. */
static long number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return -1;
	close(fd);
	return atol(text);
}

int check(void)
{
	int bad = same(number("/sys/block/ubda/ubda1/start"), 88, "the partition's start");

	return bad | same(number("/sys/block/ubda/ubda1/size"), 24, "its size");
}
