#include "check.h"

/* It says 1100. */
int check(void)
{
	return expect(access("/sys/block/ubda", F_OK) == 0, "the disk is there");
}
