/* What checks share.
 *
 * A check says what it sees with `same`, `same_bytes`, `reads` and `expect`. An agent's own run
 * compares it with what is expected. While a patch is scored (BLIND), the expected side is not
 * compiled at all: what was seen goes into a sum that begins with the inputs of this boot, and
 * RepoGym compares it with the sum of the reference's kernel under the same inputs. */
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

/* The sum of all answers, and where the random numbers stand; shared with what a check forks. */
struct sheet {
	uint64_t sum, random;
};
extern struct sheet *sheet;

static inline uint64_t mixed(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

/* A number from `low` to `high`, by the inputs of this boot. */
static inline long pick(long low, long high)
{
	sheet->random += 0x9e3779b97f4a7c15u;
	return low + (long)(mixed(sheet->random) % (uint64_t)(high - low + 1));
}

/* Fill memory by the inputs of this boot; no byte is 0. */
static inline void fill(void *data, size_t size)
{
	for (size_t at = 0; at < size; at++)
		((unsigned char *)data)[at] = pick(1, 255);
}

/* Fill memory with letters, and end them with a 0. */
static inline char *word(char *data, size_t length)
{
	for (size_t at = 0; at < length; at++)
		data[at] = pick('a', 'z');
	data[length] = 0;
	return data;
}

static inline void answer(uint64_t value)
{
	sheet->sum = mixed(sheet->sum + 0x9e3779b97f4a7c15u + value);
}

static inline void answer_bytes(const void *data, size_t size)
{
	for (size_t at = 0; at < size; at++)
		answer(((const unsigned char *)data)[at]);
}

/* What a system call came to: -errno where it failed. */
static inline long result(long returned)
{
	return returned < 0 ? -errno : returned;
}

static inline int told(int holds, const char *what)
{
	printf("%s: %s\n", holds ? "as expected" : "NOT AS EXPECTED", what);
	return holds ? 0 : 1;
}

static inline int said(long value, const char *what)
{
	printf("%s: %ld\n", what, value);
	answer(value);
	return 0;
}

static inline int said_bytes(const void *data, size_t size, const char *what)
{
	printf("%s: %zu bytes\n", what, size);
	answer_bytes(data, size);
	return 0;
}

/* Mount the check's image read-only at /mnt; 0 or -errno. */
static inline int mount_image(const char *type, const char *options)
{
	int failed = mount("/dev/ubda", "/mnt", type, MS_RDONLY, options);

	printf("mount %s: %s\n", type, failed ? strerror(errno) : "done");
	return failed ? -errno : 0;
}

/* Read a file in parts of any size: its size, or -errno; *sum is a checksum (FNV-1a) of what
 * came. Where `say` is set the bytes are an answer. */
static inline long read_parts(const char *path, uint32_t *sum, int say)
{
	static unsigned char data[1 << 16];
	int fd = open(path, O_RDONLY);
	long got, total = 0;
	uint32_t hash = 2166136261u;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, data, pick(700, sizeof data))) > 0) {
		for (long i = 0; i < got; i++)
			hash = (hash ^ data[i]) * 16777619u;
		if (say)
			answer_bytes(data, got);
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

static inline long read_file(const char *path, uint32_t *sum)
{
	return read_parts(path, sum, 0);
}

#ifdef BLIND

/* A number, as it is. */
#define same(actual, expected, what) said((long)(actual), what)
/* Memory, as it is. */
#define same_bytes(data, expected, size, what) said_bytes(data, size, what)
/* A file's size and content. */
#define reads(path, size, hash, what) said(read_parts(path, NULL, 1), what)
/* Whether something is so: for what may be right in several ways. */
#define expect(holds, what) said(!!(holds), what)

#else

#define same(actual, expected, what) same_number((long)(actual), (long)(expected), what)
#define same_bytes(data, expected, size, what) told(!memcmp(data, expected, size), what)
#define reads(path, size, hash, what) same_file(path, size, hash, what)
#define expect(holds, what) told(!!(holds), what)

static inline int same_number(long actual, long expected, const char *what)
{
	if (actual != expected)
		printf("%s: %ld, not %ld\n", what, actual, expected);
	return told(actual == expected, what);
}

static inline int same_file(const char *path, long size, uint32_t hash, const char *what)
{
	uint32_t sum = 0;
	long total = read_parts(path, &sum, 0);

	return told(total == size && sum == hash, what);
}

#endif
