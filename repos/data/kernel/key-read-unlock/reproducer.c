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
	char text[16] = "";
	int status = 0;

	if (fork() == 0)
		_exit(syscall(SYS_keyctl, KEYCTL_READ, add("one", "hello"), text, sizeof text) != 5);
	wait(&status);
	return expect(status == 0, "a key can be read");
}
