/*
 * The bare receiver: recvmmsg with 16 slots of 256 KiB, asking for the time and
 * the credentials of each message, and nothing else.
 *
 * loop WRITES ANSWER WATCHERS WRITER [ARG]... runs the writer, which writes that
 * often, on two senders, and prints how many nanoseconds went by, and how many of
 * processor time this process used, from the release of the writer until all had
 * come. If ANSWER is not 0, each message is answered with so many bytes. WATCHERS
 * is in how many epoll instances, one in the other, the socket is; nobody asks
 * them.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 16, SLOT = 256 * 1024, SNDBUF = (4263616 + 32) / 2 };

static struct sockaddr_un names[SLOTS];
static _Alignas(8) char records[SLOTS][64];
static struct iovec iovs[SLOTS];
static struct mmsghdr hdrs[SLOTS];

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int datagram_socket(int number, struct sockaddr_un *addr, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* As long as the addresses of iomux. */
	*len = offsetof(struct sockaddr_un, sun_path) + 1 +
	       sprintf(addr->sun_path + 1, "cloop-%013d-%012d", (int)getpid(), number);
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, *len))
		die("bind");
	return fd;
}

static int receive_socket(struct sockaddr_un *addr, socklen_t *len)
{
	int fd = datagram_socket(0, addr, len), one = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one))
		die("setsockopt");
	return fd;
}

static int sender(int number, const struct sockaddr_un *to, socklen_t to_len)
{
	struct sockaddr_un addr;
	socklen_t len;
	int fd = datagram_socket(number, &addr, &len), size = SNDBUF;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (connect(fd, (const struct sockaddr *)to, to_len))
		die("connect");
	return fd;
}

/* Runs the writer on two senders and gives the end that releases it. */
static int start(char **argv, const struct sockaddr_un *to, socklen_t to_len)
{
	int out = sender(1, to, to_len), err = sender(2, to, to_len), in[2];
	if (pipe(in))
		die("pipe");
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		dup2(in[0], 0);
		dup2(out, 1);
		dup2(err, 2);
		close(in[0]);
		close(in[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out);
	close(err);
	return in[1];
}

static void watch(int fd, int watchers)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	for (; watchers > 0; watchers--) {
		int epoll = epoll_create1(EPOLL_CLOEXEC);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
			die("epoll");
		fd = epoll;
	}
}

static int receive(int fd)
{
	for (int i = 0; i < SLOTS; i++) {
		hdrs[i].msg_hdr.msg_namelen = sizeof names[i];
		hdrs[i].msg_hdr.msg_controllen = sizeof records[i];
	}
	int n = recvmmsg(fd, hdrs, SLOTS, MSG_WAITFORONE, NULL);
	if (n < 0)
		die("recvmmsg");
	return n;
}

static long long wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	size_t answer_size = atoi(argv[2]);
	char *answer = calloc(1, answer_size + 1);
	char *slots = malloc((size_t)SLOTS * SLOT);
	struct sockaddr_un addr;
	socklen_t len;
	int fd = receive_socket(&addr, &len);

	for (int i = 0; i < SLOTS; i++) {
		iovs[i] = (struct iovec){ slots + (size_t)i * SLOT, SLOT };
		hdrs[i].msg_hdr = (struct msghdr){ .msg_name = &names[i], .msg_iov = &iovs[i],
			.msg_iovlen = 1, .msg_control = records[i] };
	}
	watch(fd, atoi(argv[3]));
	int release = start(argv + 4, &addr, len);
	receive(fd);
	long long t = wall(), c = cpu();
	if (write(release, "", 1) != 1)
		die("write");
	for (int left = atoi(argv[1]); left > 0;) {
		int n = receive(fd);
		left -= n;
		while (answer_size > 0 && n-- > 0)
			if (write(release, answer, answer_size) != (ssize_t)answer_size)
				die("write");
	}
	printf("%lld %lld\n", wall() - t, cpu() - c);
	int status;
	wait(&status);
	return status != 0;
}
