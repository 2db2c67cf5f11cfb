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

/* What is no key is refused. */
int check(void)
{
	char data[100], back[100] = "";
	long key;
	int bad;

	fill(data, sizeof data);
	bad = same(result(add("none", data, 0)), -EINVAL, "no data is refused");
	bad |= same(result(add("much", data, 40000)), -EINVAL, "too much is refused");
	bad |= same(result(fetch(pick(1L << 30, (1L << 31) - 1), back, 100)), -ENOKEY, "there is no such key");
	return bad;
}
