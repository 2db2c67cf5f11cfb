#include "check.h"

/* It says 65535. */
int check(void)
{
	return expect(access("/sys/block/ubda", F_OK) == 0, "the disk is there");
}
