#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "session_helper/lines.h"

/* "Nov 22 10:30:00 " */
#define STAMP_LENGTH 16

/* Room for the time alone: descriptors that come along find none, and the kernel drops them. */
union control {
	char bytes[CMSG_SPACE(sizeof(struct timespec))];
	struct cmsghdr align;
};

int64_t
wall_clock(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
lines_prepare(int fd)
{
	const int on = 1;

	(void)!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

/* close_passed: descriptors that did get in, where there was no time that took their room. */
static void
close_passed(const struct cmsghdr *header)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
}

static void
read_control(struct msghdr *message, int64_t *sent)
{
	struct timespec stamp;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET)
			continue;
		if (header->cmsg_type == SCM_RIGHTS)
			close_passed(header);
		if (header->cmsg_type != SCM_TIMESTAMPNS || header->cmsg_len != CMSG_LEN(sizeof(stamp)))
			continue;
		memcpy(&stamp, CMSG_DATA(header), sizeof(stamp));
		*sent = (int64_t)stamp.tv_sec * 1000000 + stamp.tv_nsec / 1000;
	}
}

enum lines_result
lines_read(int fd, char *data, size_t *length, int64_t *sent)
{
	union control control;
	struct iovec part = { data, LINE_DATAGRAM_MAX };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*length = 0;
	if (count < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS))
		return LINES_NOTHING;
	/* Of an empty datagram there is at least the time. */
	if (count < 0 || (count == 0 && message.msg_controllen == 0))
		return LINES_END;
	*sent = 0;
	read_control(&message, sent);
	if (*sent == 0)
		*sent = wall_clock();
	*length = (size_t)count;
	return LINES_DATAGRAM;
}

/* skip_number: the digits at the front, and then this character; -1 unless it is so. */
static long
skip_number(const char **at, const char *end, char close)
{
	long number = 0;
	const char *start = *at;

	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		if (number > (INT_MAX - 9) / 10)
			return -1;
		number = number * 10 + (**at - '0');
	}
	if (*at == start || *at == end || **at != close)
		return -1;
	++*at;
	return number;
}

bool
syslog_line_parse(const char *data, size_t length, struct syslog_line *line)
{
	const char *at = data, *end = data + length, *bracket;
	long priority;

	if (at == end || *at++ != '<' || (priority = skip_number(&at, end, '>')) < 0 || end - at < STAMP_LENGTH)
		return false;
	line->priority = (int)priority;
	at += STAMP_LENGTH;
	bracket = memchr(at, '[', (size_t)(end - at));
	if (bracket == NULL || at[-1] != ' ')
		return false;
	line->ident = at;
	line->ident_length = (size_t)(bracket - at);
	at = bracket + 1;
	line->pid = (pid_t)skip_number(&at, end, ']');
	if (line->pid < 0 || end - at < 2 || at[0] != ':' || at[1] != ' ')
		return false;
	line->message = at + 2;
	while (end > line->message && end[-1] == '\n')
		end--;
	line->message_length = (size_t)(end - line->message);
	return true;
}

bool
syslog_line_is(const struct syslog_line *line, const char *ident)
{
	return strlen(ident) == line->ident_length && memcmp(ident, line->ident, line->ident_length) == 0;
}
