#include "check.h"

/* Flags after a usual delimiter are kept. */
int check(void)
{
	char entry[64], name[12], path[24] = "/mnt/", text[512] = "";
	int fd, length, bad = 0;

	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL))
		return expect(0, "binfmt_misc can be mounted");
	strcat(path, word(name, pick(4, 10)));
	length = snprintf(entry, sizeof entry, ":%s:E::%.4s::/bin/%s:POC", name, name, name);
	fd = open("/mnt/register", O_WRONLY);
	bad |= same(result(write(fd, entry, length)), length, "flags are accepted");
	close(fd);
	fd = open(path, O_RDONLY);
	length = result(read(fd, text, sizeof text - 1));
	bad |= expect(length > 0, "its file can be read");
	close(fd);
	answer_bytes(text, length > 0 ? length : 0);
	return bad | expect(strstr(text, "flags: POC") != NULL, "the flags are shown");
}
