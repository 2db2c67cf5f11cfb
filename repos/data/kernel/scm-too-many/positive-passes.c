#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Send `count` descriptors over a pair; what sendmsg said, or how many came. */
static int pass(int count)
{
	static char control[CMSG_SPACE(sizeof(int) * 600)], room[CMSG_SPACE(sizeof(int) * 600)];
	char byte = 1;
	struct iovec part = { &byte, 1 };
	struct msghdr out = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = CMSG_SPACE(sizeof(int) * count) };
	struct msghdr in = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
			     .msg_controllen = sizeof room };
	struct cmsghdr *head = CMSG_FIRSTHDR(&out);
	int pair[2], null = open("/dev/null", O_RDONLY);

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int) * count);
	for (int i = 0; i < count; i++)
		((int *)CMSG_DATA(head))[i] = null;
	if (sendmsg(pair[0], &out, 0) < 0)
		return -errno;
	if (recvmsg(pair[1], &in, 0) < 0)
		return -errno;
	head = CMSG_FIRSTHDR(&in);
	return head ? (head->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
}

/* Some descriptors pass, up to the largest number. */
int check(void)
{
	int bad = 0, some = pick(2, 252);

	bad |= same(pass(1), 1, "one passes");
	bad |= same(pass(some), some, "some pass");
	bad |= same(pass(253), 253, "all that may pass");
	return bad;
}
