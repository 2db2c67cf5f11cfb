#include "check.h"

/* Valid entries register, show their fields and go away. */
int check(void)
{
	static const char *const forms[] = { ":%1$s:E::ext::/bin/%1$s:", "/%1$s/M//magic///bin/two/P",
					     "-%1$s-E--e3--/bin/%1$s-OC", "x%1$sxExxe4xx/bin/%1$sx" };
	char path[64], entry[80], name[16], text[512] = "";
	int bad = 0;

	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL))
		return expect(0, "binfmt_misc can be mounted");
	for (int i = 0; i < 4; i++) {
		int fd = open("/mnt/register", O_WRONLY), length;

		do
			word(name, pick(3, 12));
		while (strchr(name, 'x'));
		length = snprintf(entry, sizeof entry, forms[i], name);
		/* The second one holds its delimiter in the interpreter: it is no valid entry. */
		bad |= same(result(write(fd, entry, length)), i == 1 ? -EINVAL : length, forms[i]);
		close(fd);
		if (i == 1)
			continue;
		snprintf(path, sizeof path, "/mnt/%s", name);
		fd = open(path, O_RDWR);
		length = result(read(fd, text, sizeof text - 1));
		bad |= expect(length > 0, "its file can be read");
		answer_bytes(text, length > 0 ? length : 0);
		snprintf(path, sizeof path, "interpreter /bin/%s", name);
		bad |= expect(strstr(text, path) != NULL, "its program is shown");
		bad |= same(result(write(fd, "-1", 2)), 2, "it can be removed");
		close(fd);
	}
	return bad;
}
