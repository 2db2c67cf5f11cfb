#include "check.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

static int next(const char *kind, int number)
{
	char path[64], text[16];
	int fd, length = snprintf(text, sizeof text, "%d", number);

	snprintf(path, sizeof path, "/proc/sys/kernel/%s_next_id", kind);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, length) != length)
		return -1;
	return close(fd);
}

/* A number that is asked for is given, and works. */
int check(void)
{
	struct { long type; char text[8]; } message = { 1, "hello" };
	int queue, bad = expect(next("msg", 32767) == 0, "a number can be asked for");

	queue = msgget(IPC_PRIVATE, 0600);
	bad |= expect(queue == 32767, "the last one is given");
	bad |= expect(msgsnd(queue, &message, 8, 0) == 0, "a message is sent");
	memset(message.text, 0, 8);
	bad |= expect(msgrcv(queue, &message, 8, 0, 0) == 8 && !strcmp(message.text, "hello"), "read");
	bad |= expect(msgctl(queue, IPC_RMID, NULL) == 0, "the queue goes");
	bad |= expect(next("sem", 70000) == 0 && semget(IPC_PRIVATE, 1, 0600) == 70000, "a large one");
	return bad | expect(shmget(IPC_PRIVATE, 4096, 0600) >= 0, "and any");
}
