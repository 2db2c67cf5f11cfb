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

	memset(data, 7, sizeof data);
	bad = expect(add("none", data, 0) == -1 && errno == EINVAL, "no data is refused");
	bad |= expect(add("much", data, 40000) == -1, "too much is refused");
	bad |= expect(fetch(12345678, back, 100) == -1 && errno == ENOKEY, "there is no such key");
	return bad;
}
