#include "check.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long add(const char *name, const char *data)
{
	return syscall(SYS_add_key, "user", name, data, strlen(data), KEY_SPEC_PROCESS_KEYRING);
}

/* Reads a key ring, twice. */
int check(void)
{
	char text[64];
	int status = 0;

	if (fork() == 0) {
		int bad = add("one", "hello") < 0 || add("two", "hello") < 0;

		for (int i = 0; i < 2; i++)
			bad |= syscall(SYS_keyctl, KEYCTL_READ, KEY_SPEC_PROCESS_KEYRING, text, 64) != 8;
		_exit(bad);
	}
	wait(&status);
	return expect(status == 0, "a key ring can be read");
}
