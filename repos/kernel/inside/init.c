/* The first process of a check: mounts what programs expect, runs the check, says how it went.
 *
 * A check defines `int check(void)`; it returns 0 where the kernel did what it should. The last
 * line holds the token of this boot, which only the file system that was made for it tells. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int check(void);

int main(void)
{
	char token[80] = "";
	int fd, status = 0;
	pid_t child;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("USERSPACE-UP");
	child = fork();
	if (child == 0)
		_exit(check() & 0x7f);
	waitpid(child, &status, 0);
	fd = open("/token", O_RDONLY);
	if (fd >= 0 && read(fd, token, sizeof token - 1) < 0)
		token[0] = 0;
	/* What was queued to run later (RCU callbacks, work) shall crash now, not never. */
	usleep(60000);
	printf("CHECK-END %s %d\n", token, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
