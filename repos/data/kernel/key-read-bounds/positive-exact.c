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
	long key;
	int bad;

	memset(data, 7, sizeof data);
	bad = expect(add("none", data, 0) == -1 && errno == EINVAL, "no data is refused");
	bad |= expect(add("much", data, 40000) == -1, "too much is refused");
	key = add("k", data, 100);
	bad |= expect(fetch(key, NULL, 0) == 100, "its size is told");
	bad |= expect(fetch(key, back, 100) == 100 && !memcmp(data, back, 100), "it is read");
	return bad;
}
