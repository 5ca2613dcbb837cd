/*
 * The host's syslog, without ever waiting: the lines of the session's sshd, passed on, and the helper's own.
 * What syslog has no room for is counted, and the count said with the next line that gets through.
 */
#ifndef BERTH_HOST_LOG_H
#define BERTH_HOST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "common/wire/event.h"
#include "session_helper/lines.h"

/* Lines of the session's that are passed on at once, and those for each second after that: what runs in a session must not
 * be able to flood the host's log. */
#define HOST_LOG_BURST      1000
#define HOST_LOG_PER_SECOND 100

struct host_log {
	const char *path;
	int fd;            /* connected, or -1 */
	uint64_t lost;     /* lines not said yet */
	int64_t allowance; /* lines that may be passed on, times 1000 */
	int64_t counted;   /* when that was true: milliseconds of CLOCK_MONOTONIC */
};

/* host_log_open: path is not copied. No syslog is no error: it may come. */
void host_log_open(struct host_log *log, const char *path, int64_t now);
void host_log_close(struct host_log *log);

/*
 * host_log_pass: a line of the session's, under the name and the priority that it came with; the priority only as far as it
 * calls nobody to a terminal, and without the time, where any text could stand. What is not known to be sshd's
 * own (sshd_line.h) is for host_log_quote(): it goes into a line of the helper's, and says whose it is.
 */
void host_log_pass(struct host_log *log, const struct syslog_line *line, int64_t now);
void host_log_quote(struct host_log *log, const struct syslog_line *line, const struct event_session *session, int64_t now);

/* host_log_say: "berth-session[PID]: …" to authpriv, its format log_format.h's. What isn't printable ASCII is shown as '?'. */
void host_log_say(struct host_log *log, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
