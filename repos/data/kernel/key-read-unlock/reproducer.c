#include "check.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long add(const char *name, const char *data)
{
	return syscall(SYS_add_key, "user", name, data, strlen(data), KEY_SPEC_PROCESS_KEYRING);
}

/* Reads a key in a process of its own. */
int check(void)
{
	char data[40], text[40] = "";
	int size = pick(3, 39);
	int status = 0;

	word(data, size);
	if (fork() == 0) {
		long got = syscall(SYS_keyctl, KEYCTL_READ, add("one", data), text, sizeof text);

		_exit(same(result(got), size, "its size") | same_bytes(text, data, size, "its text"));
	}
	wait(&status);
	return expect(status == 0, "a key can be read");
}
