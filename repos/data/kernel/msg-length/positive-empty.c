#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>

/* Empty messages, and one that is too long for the receiver. */
int check(void)
{
	struct {
		long type;
		char text[8];
	} message = { 3, "" };
	int queue = msgget(IPC_PRIVATE, 0600), bad = 0;

	bad |= same(result(msgrcv(queue, &message, 8, 0, IPC_NOWAIT)), -ENOMSG, "none");
	bad |= same(result(msgsnd(queue, &message, pick(1 << 17, 1 << 20), 0)), -EINVAL, "too long");
	message.type = 0;
	bad |= same(result(msgsnd(queue, &message, 1, 0)), -EINVAL, "no type");
	bad |= same(result(msgctl(queue, IPC_RMID, NULL)), 0, "the queue goes away");
	return bad;
}
