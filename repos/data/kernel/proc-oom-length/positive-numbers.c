#include "check.h"

/* Numbers are kept, others are refused. */
int check(void)
{
	char text[16], back[16] = "";
	int wanted = pick(-900, 900), size = snprintf(text, sizeof text, "%d\n", wanted);
	int fd = open("/proc/self/oom_score_adj", O_RDWR), bad;

	bad = same(result(write(fd, text, size)), size, "it is taken");
	lseek(fd, 0, SEEK_SET);
	bad |= same(result(read(fd, back, sizeof back)), size, "it can be read");
	bad |= same(atoi(back), wanted, "the number is kept");
	bad |= same(result(write(fd, "1001", 4)), -EINVAL, "too large");
	return bad | same(result(write(fd, "x", 1)), -EINVAL, "no number");
}
