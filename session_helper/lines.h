/*
 * The socket on which a session's processes say their lines, and what a datagram on it is. All of it is hostile.
 */
#ifndef BERTH_LINES_H
#define BERTH_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longer datagrams are cut. */
#define LINE_DATAGRAM_MAX 8192

/* lines_prepare: asks for the time of each line. Without it, lines have the time at which they are read. */
void lines_prepare(int fd);

enum lines_result { LINES_DATAGRAM, LINES_NOTHING, LINES_END };

/*
 * lines_read: one datagram, without waiting; `data` has LINE_DATAGRAM_MAX bytes. time: microseconds since 1970, when
 * it was sent. Descriptors that come along are not taken. END: nobody can send any more; an empty datagram isn't that.
 */
enum lines_result lines_read(int fd, char *data, size_t *length, int64_t *time);

/* A line of syslog(3)'s, "<30>Nov 22 10:30:00 sshd[123]: message". */
struct syslog_line {
	int priority;                /* syslog.h's facility and severity */
	const char *ident, *message; /* in the datagram, not closed with NUL. The ident goes on to the message */
	size_t ident_length, message_length; /* without the newline at the end */
	pid_t pid;
};

/* syslog_line_parse: false when it is none. */
bool syslog_line_parse(const char *data, size_t length, struct syslog_line *line);

/* syslog_line_is: whether that is its ident. */
bool syslog_line_is(const struct syslog_line *line, const char *ident);

/* wall_clock: microseconds since 1970; 0 without a clock. */
int64_t wall_clock(void);

#endif
