/* The first process of a check: mounts what programs expect, runs the check, says how it went.
 *
 * A check defines `int check(void)`; it returns 0 where the kernel did what it should. The last
 * line holds the token of this boot, which only the file system that was made for it tells and
 * from which all random numbers come, and the sum of all answers. */
#include "check.h"
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

int check(void);

struct sheet *sheet;

static void walk_file(const char *path)
{
	char data[5000], back[5000];
	long size = pick(1, sizeof data), at = pick(0, size - 1), cut = pick(0, size);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct stat about;

	fill(data, size);
	answer(result(write(fd, data, size)));
	at = result(pread(fd, back, sizeof back, at));
	answer(at);
	answer_bytes(back, at > 0 ? at : 0);
	answer(result(ftruncate(fd, cut)));
	answer(result(fstat(fd, &about)) ? -1 : about.st_size);
	answer(result(lseek(fd, -1, SEEK_SET)));
	close(fd);
}

static void walk_pipe(void)
{
	char data[3000], back[3000];
	long size = pick(1, sizeof data), part = pick(1, size);
	int fds[2];

	answer(result(pipe(fds)));
	fill(data, size);
	answer(result(write(fds[1], data, size)));
	part = result(read(fds[0], back, part));
	answer(part);
	answer_bytes(back, part > 0 ? part : 0);
	close(fds[0]);
	close(fds[1]);
	answer(result(read(fds[0], back, 1)));
}

static void walk_names(void)
{
	char from[24] = "/walk-", to[24] = "/walk-";
	struct stat about;

	word(from + 6, pick(3, 12));
	word(to + 6, pick(3, 12));
	answer(result(mkdir(from, 0700)));
	answer(result(pick(0, 1) ? rename(from, to) : symlink(from, to)));
	answer(result(lstat(to, &about)) ? -1 : about.st_mode);
	answer(result(rmdir(from)));
	answer(result(unlink(to)));
	answer(result(rmdir(to)));
}

static void walk_memory(void)
{
	long pages = pick(1, 8), at = pick(0, pages * 4096 - 1);
	unsigned char *place = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (place == MAP_FAILED)
		return answer(-errno);
	place[at] = pick(1, 255);
	answer(place[at] + place[(at + 4096) % (pages * 4096)]);
	answer(result(munmap(place, pages * 4096)));
}

static void walk_process(void)
{
	int status = -1, code = pick(0, 120);
	pid_t child = fork();

	if (child == 0)
		_exit(code);
	answer(waitpid(child, &status, 0) == child);
	answer(status);
}

/* After a check the kernel must go on working: who skipped or ended the check, or wants to say
 * what it came to, has to say this too. */
static void walk(void)
{
	for (int step = 0; step < 24; step++)
		switch (pick(0, 4)) {
		case 0: walk_file("/walk"); break;
		case 1: walk_pipe(); break;
		case 2: walk_names(); break;
		case 3: walk_memory(); break;
		case 4: walk_process(); break;
		}
}

/* Where the machine has no disk of its own, a RAM disk takes its name. */
static void lay_disk(void)
{
	static char data[1 << 16];
	int from = open("/disk", O_RDONLY), to = open("/dev/ram0", O_WRONLY);
	ssize_t got;

	if (from < 0)
		return;
	while ((got = read(from, data, sizeof data)) > 0)
		if (write(to, data, got) != got)
			puts("the disk does not fit");
	close(from);
	close(to);
	unlink("/disk");
	mknod("/dev/ubda", S_IFBLK | 0600, makedev(1, 0));
}

int main(void)
{
	char token[80] = "";
	int fd, status = 0;
	pid_t child;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	fd = open("/token", O_RDONLY);
	if (fd >= 0 && read(fd, token, sizeof token - 1) < 0)
		token[0] = 0;
	close(fd);
	sheet = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (char *at = token; *at; at++)
		answer(*at);
	sheet->random = sheet->sum;
	lay_disk();
	puts("USERSPACE-UP");
	child = fork();
	if (child == 0)
		_exit(check() & 0x7f);
	waitpid(child, &status, 0);
	/* What was queued to run later (RCU callbacks, work) shall crash now, not never. */
	usleep(60000);
	walk();
	printf("CHECK-END %s %d %016llx\n", token, WIFEXITED(status) ? WEXITSTATUS(status) : 255,
	       (unsigned long long)sheet->sum);
	sync();
	reboot(getenv("ends_by") ? RB_AUTOBOOT : RB_POWER_OFF);
	for (;;)
		pause();
}
