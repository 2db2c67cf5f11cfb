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

/* Reads a key of 5 bytes into 2000. */
int check(void)
{
	static char data[8192], back[8192];
	long key;

	fill(data, sizeof data);
	key = add("k", data, 5);
	return same(result(fetch(key, back, 2000)), 5, "the size that was stored") |
	       same_bytes(back, data, 5, "what was stored is read");
}
