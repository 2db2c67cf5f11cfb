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

/* The same with semaphores. */
int check(void)
{
	int status = 0;

	if (fork() == 0) {
		if (unshare(CLONE_NEWIPC))
			_exit(2);
		for (int i = 0; i < 2; i++) {
			next("sem", 32767);
			semget(IPC_PRIVATE, 1, 0600);
		}
		_exit(0);
	}
	wait(&status);
	sleep(1);
	return expect(status == 0, "the name space is left");
}
