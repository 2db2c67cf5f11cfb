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
	struct { long type; char text[300]; } message = { 1 }, back = { 0 };
	int size = pick(1, 300), large = pick(40000, 90000);
	int queue, bad = same(next("msg", 32767), 0, "a number can be asked for");

	queue = msgget(IPC_PRIVATE, 0600);
	bad |= same(queue, 32767, "the last one is given");
	fill(message.text, size);
	bad |= same(result(msgsnd(queue, &message, size, 0)), 0, "a message is sent");
	bad |= same(result(msgrcv(queue, &back, sizeof back.text, 0, 0)), size, "read");
	bad |= same_bytes(back.text, message.text, size, "the same");
	bad |= same(result(msgctl(queue, IPC_RMID, NULL)), 0, "the queue goes");
	bad |= same(next("sem", large), 0, "a large one can be asked for");
	bad |= same(semget(IPC_PRIVATE, 1, 0600), large, "it is given");
	return bad | expect(shmget(IPC_PRIVATE, 4096, 0600) >= 0, "and any");
}
