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

	bad |= expect(msgrcv(queue, &message, 8, 0, IPC_NOWAIT) == -1 && errno == ENOMSG, "none");
	bad |= expect(msgsnd(queue, &message, 1 << 20, 0) == -1 && errno == EINVAL, "too long");
	message.type = 0;
	bad |= expect(msgsnd(queue, &message, 1, 0) == -1 && errno == EINVAL, "no type");
	bad |= expect(msgctl(queue, IPC_RMID, NULL) == 0, "the queue goes away");
	return bad;
}
