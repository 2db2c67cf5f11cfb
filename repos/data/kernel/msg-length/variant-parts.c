#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>

/* One of several parts. */
int check(void)
{
	static const int sizes[] = { 7777 };
	static struct {
		long type;
		char text[8000];
	} out = { 1, "" }, in;
	int queue = msgget(IPC_PRIVATE, 0600), bad = 0;

	for (unsigned int i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		fill(out.text, sizes[i]);
		bad |= same(result(msgsnd(queue, &out, sizes[i], 0)), 0, "a message is sent");
		bad |= same(result(msgrcv(queue, &in, sizes[i], 0, 0)), sizes[i], "it is received");
		bad |= same_bytes(in.text, out.text, sizes[i], "it holds the same");
	}
	msgctl(queue, IPC_RMID, NULL);
	return bad;
}
