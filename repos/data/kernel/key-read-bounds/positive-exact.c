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

/* Reads into a buffer that fits, and asks for the size. */
int check(void)
{
	char data[100], back[100] = "";
	long key, size = pick(1, 100);
	int bad;

	fill(data, sizeof data);
	bad = same(result(add("none", data, 0)), -EINVAL, "no data is refused");
	bad |= same(result(add("much", data, 40000)), -EINVAL, "too much is refused");
	key = add("k", data, size);
	bad |= same(result(fetch(key, NULL, 0)), size, "its size is told");
	bad |= same(result(fetch(key, back, size)), size, "it is read");
	bad |= same_bytes(back, data, size, "as it was stored");
	return bad;
}
