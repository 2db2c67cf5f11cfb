/* What checks share. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Mount the check's image read-only at /mnt; 0 or -errno. */
static inline int mount_image(const char *type, const char *options)
{
	int failed = mount("/dev/ubda", "/mnt", type, MS_RDONLY, options);

	printf("mount %s: %s\n", type, failed ? strerror(errno) : "done");
	return failed ? -errno : 0;
}

/* Read a file: its size, or -errno; *sum is a checksum (FNV-1a) of what came. */
static inline long read_file(const char *path, uint32_t *sum)
{
	static unsigned char data[1 << 16];
	int fd = open(path, O_RDONLY);
	long got, total = 0;
	uint32_t hash = 2166136261u;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, data, sizeof data)) > 0) {
		for (long i = 0; i < got; i++)
			hash = (hash ^ data[i]) * 16777619u;
		total += got;
	}
	if (got < 0)
		total = -errno;
	close(fd);
	if (sum)
		*sum = hash;
	printf("read %s: %ld, sum %08x\n", path, total, hash);
	return total;
}

/* Say what was expected where it is not so; 1 for what failed. */
static inline int expect(int holds, const char *what)
{
	printf("%s: %s\n", holds ? "as expected" : "NOT AS EXPECTED", what);
	return holds ? 0 : 1;
}
