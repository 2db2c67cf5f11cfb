#include "check.h"

/* A good file reads as it was written. */
int check(void)
{
	if (mount("/dev/ubda", "/mnt", "ext2", MS_RDONLY, NULL))
		return expect(0, "the image can be mounted");
	uint32_t sum = 0;

	return expect(read_file("/mnt/file", &sum) == 5000 && sum == 0x6a7be7c5, "the file reads");
}
