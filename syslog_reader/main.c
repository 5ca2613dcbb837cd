/*
 * berth-syslog: the reader of /dev/log where there is no syslog daemon, as in a container: each message becomes a line on
 * stderr. What sshd, PAM, berth-keys and the agent say of a login is nowhere else.
 *
 *   berth-syslog [SOCKET]    default: /dev/log
 *
 * Started by root, who makes the socket; goes on as nobody. Never waits for who reads its stderr: senders wait for it, and
 * so would logins. What has no room is counted, and the count said when there is room again. Ends with SIGTERM, after it
 * has written what was sent before.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "syslog_reader/lines.h"

#define DEFAULT_SOCKET "/dev/log"
#define USER           "nobody"
#define BUFFER_BYTES   (1024 * 1024) /* a burst of messages that finds room */

static volatile sig_atomic_t ended;

static void
on_end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static int
fail(const char *what)
{
	fprintf(stderr, "berth-syslog: %s: %s\n", what, strerror(errno));
	return -1;
}

/* open_socket: in the place of one that is left of an earlier container; not of one that somebody reads. */
static int
open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int bytes = BUFFER_BYTES;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return fail(path);
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		errno = EADDRINUSE;
		return fail(path);
	}
	if (unlink(path) != 0 && errno != ENOENT)
		return fail(path);
	umask(0111);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return fail(path);
	/* Root may have more than the system's limit; without that it is what it is. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

/* has_room: a pipe that can be written takes PIPE_BUF bytes at once. */
static bool
has_room(void)
{
	struct pollfd output = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}

/* put: all of a line or, as far as can be told beforehand, nothing. */
static bool
put(const char *line, size_t length)
{
	size_t written = 0;
	ssize_t count;

	while (written < length && has_room()) {
		count = write(STDERR_FILENO, line + written, length - written < 4096 ? length - written : 4096);
		if (count < 0 && errno != EINTR)
			break;
		written += count > 0 ? (size_t)count : 0;
	}
	return written == length;
}

static void
write_message(const char *message, size_t length, const char *host)
{
	static unsigned long lost;
	char line[LINE_MAX_BYTES], said[128];
	size_t count;

	if (lost > 0) {
		snprintf(said, sizeof(said), "berth-syslog[%ld]: lines were lost, as nobody read them: count=%lu",
		    (long)getpid(), lost);
		count = line_of_message(said, strlen(said), time(NULL), host, line);
		if (put(line, count))
			lost = 0;
	}
	count = line_of_message(message, length, time(NULL), host, line);
	if (count > 0 && (lost > 0 || !put(line, count)))
		lost++;
}

/* read_messages: until the end is asked for, and then what is there. */
static void
read_messages(int fd, const char *host, const sigset_t *while_waiting)
{
	struct pollfd input = { .fd = fd, .events = POLLIN };
	char message[MESSAGE_MAX];
	ssize_t length;

	for (;;) {
		length = recv(fd, message, sizeof(message), MSG_DONTWAIT);
		if (length >= 0)
			write_message(message, (size_t)length, host);
		else if (ended)
			return;
		else
			ppoll(&input, 1, NULL, while_waiting);
	}
}

int
main(int argc, char **argv)
{
	struct sigaction end = { .sa_handler = on_end };
	char host[256] = "localhost";
	sigset_t blocked, before;
	int fd;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fputs("usage: berth-syslog [SOCKET]\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	gethostname(host, sizeof(host) - 1);
	tzset();
	fd = open_socket(argc == 2 ? argv[1] : DEFAULT_SOCKET);
	if (fd < 0)
		return 1;
	if (identity_become(USER) != 0) {
		fprintf(stderr, "berth-syslog: can't become " USER ": %s\n", identity_problem(errno));
		return 1;
	}
	read_messages(fd, host, &before);
	return 0;
}
