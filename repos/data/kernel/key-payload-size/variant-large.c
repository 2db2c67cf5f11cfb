#include "check.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>

static long add(const char *name, const void *data, size_t size)
{
	return syscall(SYS_add_key, "user", name, data, size, KEY_SPEC_PROCESS_KEYRING);
}

static long fetch(long key, void *data, size_t size)
{
	return syscall(SYS_keyctl, KEYCTL_READ, key, data, size);
}

/* A large one. */
int check(void)
{
	static char data[8192], back[8192];
	long key, size = pick(2900, 3100);

	fill(data, sizeof data);
	key = add("k", data, size);
	return same(result(fetch(key, back, size)), size, "the size that was stored") |
	       same_bytes(back, data, size, "what was stored is read");
}
