#include "check.h"

/* Some more. */
int check(void)
{
	char text[512], back[16] = "";
	int wanted = pick(100, 900), size = pick(300, 500);
	int fd = open("/proc/self/oom_score_adj", O_RDWR), bad;

	memset(text, ' ', sizeof text);
	snprintf(back, sizeof back, "%d", wanted);
	memcpy(text, back, 3);
	bad = same(result(write(fd, text, size)), 12, "what fits is taken");
	lseek(fd, 0, SEEK_SET);
	bad |= same(result(read(fd, back, sizeof back)), 4, "it can be read");
	return bad | same(atoi(back), wanted, "the number is kept");
}
