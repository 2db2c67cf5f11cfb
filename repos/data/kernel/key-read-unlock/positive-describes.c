#include "check.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long add(const char *name, const char *data)
{
	return syscall(SYS_add_key, "user", name, data, strlen(data), KEY_SPEC_PROCESS_KEYRING);
}

/* Keys can be described, searched and revoked. */
int check(void)
{
	char text[80] = "", name[20], wanted[24] = ";";
	long key = add(word(name, pick(3, 18)), "hello"), found;
	int bad = expect(key > 0, "a key is added");

	bad |= expect(syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof text) > 0, "described");
	answer_bytes(text, strlen(text));
	bad |= expect(!strncmp(text, "user;0;0;", 9) && strstr(text, strcat(wanted, name)), "as it is");
	found = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, "user", name, 0);
	bad |= expect(found == key, "it is found");
	return bad | same(result(syscall(SYS_keyctl, KEYCTL_REVOKE, key)), 0, "it can be revoked");
}
