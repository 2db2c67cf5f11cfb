#include "check.h"

/* The disk says that it has 1017 physical extents; the table has room for 1016. */
int check(void)
{
	return expect(access("/sys/block/ubda", F_OK) == 0, "the disk is there");
}
