#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/host/log_format.h"
#include "common/host/log_socket.h"
#include "session_helper/host_log.h"

#define LINE_MAX_BYTES 1400 /* one datagram that every syslog daemon takes whole */

void
host_log_open(struct host_log *log, const char *path, int64_t now)
{
	*log = (struct host_log){
		.path = path, .fd = log_socket_open(path), .allowance = HOST_LOG_BURST * 1000, .counted = now,
	};
}

void
host_log_close(struct host_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static bool
send_own(struct host_log *log, int priority, const char *line)
{
	char datagram[LINE_MAX_BYTES + 100];
	int length = snprintf(datagram, sizeof(datagram), "<%d>berth-session[%ld]: %s", LOG_AUTHPRIV | priority,
	    (long)getpid(), line);

	return length > 0 && (size_t)length < sizeof(datagram) && log_socket_send(&log->fd, log->path, datagram, (size_t)length);
}

static void
say_lost(struct host_log *log)
{
	char line[64];

	if (log->lost == 0)
		return;
	snprintf(line, sizeof(line), "syslog had no room for lines: lost=%llu", (unsigned long long)log->lost);
	if (send_own(log, LOG_WARNING, line))
		log->lost = 0;
}

/* allowed: takes one line off what may be passed on. */
static bool
allowed(struct host_log *log, int64_t now)
{
	int64_t passed = now - log->counted;

	log->counted = now;
	if (passed > HOST_LOG_BURST * 1000 / HOST_LOG_PER_SECOND)
		passed = HOST_LOG_BURST * 1000 / HOST_LOG_PER_SECOND;
	log->allowance += passed * HOST_LOG_PER_SECOND;
	if (log->allowance > HOST_LOG_BURST * 1000)
		log->allowance = HOST_LOG_BURST * 1000;
	if (log->allowance < 1000)
		return false;
	log->allowance -= 1000;
	return true;
}

/* make_ascii: ASCII alone, as sshd's log is: in the rest are controls of terminals, and of the order of what they show. */
static void
make_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* admit: whether one more line of the session's may be said now. */
static bool
admit(struct host_log *log, int64_t now)
{
	if (!allowed(log, now)) {
		log->lost++;
		return false;
	}
	say_lost(log);
	return true;
}

/* safe_severity: nothing of a session's is for the terminals of all who are logged in. */
static int
safe_severity(int priority)
{
	return LOG_PRI(priority) < LOG_CRIT ? LOG_CRIT : LOG_PRI(priority);
}

/* safe_priority: nor from the kernel. */
static int
safe_priority(int priority)
{
	int facility = priority & LOG_FACMASK;

	if (facility == LOG_KERN || facility + LOG_PRI(priority) != priority)
		facility = LOG_AUTHPRIV;
	return facility | safe_severity(priority);
}

void
host_log_pass(struct host_log *log, const struct syslog_line *line, int64_t now)
{
	size_t length = (size_t)(line->message - line->ident) + line->message_length;
	char datagram[LINE_MAX_BYTES];

	if (!admit(log, now))
		return;
	/* A NUL in its middle ends it, as it would in syslog. */
	snprintf(datagram, sizeof(datagram), "<%d>%.*s", safe_priority(line->priority), (int)length, line->ident);
	make_ascii(datagram);
	if (!log_socket_send(&log->fd, log->path, datagram, strlen(datagram)))
		log->lost++;
}

void
host_log_quote(struct host_log *log, const struct syslog_line *line, const struct event_session *session, int64_t now)
{
	int room = LINE_MAX_BYTES / 2; /* the closing quote is never cut off */

	if (!admit(log, now))
		return;
	host_log_say(log, safe_severity(line->priority), "a session says user=%s session=%s program=%.*s line=\"%.*s\"",
	    session->user, session->id, (int)line->ident_length, line->ident,
	    (int)line->message_length < room ? (int)line->message_length : room, line->message);
}

void
host_log_say(struct host_log *log, int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	log_format(line, sizeof(line), format, arguments);
	va_end(arguments);
	make_ascii(line);
	say_lost(log);
	if (!send_own(log, priority, line))
		log->lost++;
}
