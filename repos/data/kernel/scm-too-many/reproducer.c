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

/* Sends 300 descriptors at once. */
int check(void)
{
	int bad = 0;

	bad |= same(pass(300), -EINVAL, "too many are refused");
	return bad;
}
