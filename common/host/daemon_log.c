/*
 * Logging without ever waiting.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/host/daemon_log.h"
#include "common/host/log_format.h"
#include "common/host/log_socket.h"

#define LINE_MAX_BYTES 1400 /* one datagram that every syslog daemon takes whole */
#define TOPIC_SECONDS  60
#define NOTE_MAX       64

/* The program's one log, and of its threads one at a time. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *program;
	bool to_syslog, to_stderr;
	int fd;               /* connected to /dev/log, or -1 */
	unsigned long lost;   /* lines that syslog had no room for */
	struct log_topics topics;
} log_state = { .fd = -1 };

void
daemon_log_open(const char *program, bool to_syslog, bool to_stderr)
{
	pthread_mutex_lock(&log_mutex);
	log_state.program = program;
	log_state.to_syslog = to_syslog;
	log_state.to_stderr = to_stderr;
	pthread_mutex_unlock(&log_mutex);
}

static bool
to_syslog(int priority, const char *line)
{
	char datagram[LINE_MAX_BYTES + 100], stamp[32] = "";
	time_t now = time(NULL);
	struct tm local;
	int length;

	if (localtime_r(&now, &local) != NULL)
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &local);
	length = snprintf(datagram, sizeof(datagram), "<%d>%s%s[%ld]: %s", LOG_AUTHPRIV | priority, stamp,
	    log_state.program, (long)getpid(), line);
	if (length < 0)
		return false;
	if ((size_t)length >= sizeof(datagram))
		length = sizeof(datagram) - 1;
	return log_socket_send(&log_state.fd, SYSLOG_SOCKET, datagram, (size_t)length);
}

static void
say(int priority, const char *line)
{
	char note[64];

	if (log_state.to_stderr)
		dprintf(STDERR_FILENO, "%s: %s\n", log_state.program, line);
	if (!log_state.to_syslog)
		return;
	if (log_state.lost > 0) {
		snprintf(note, sizeof(note), "syslog had no room for lines: lost=%lu", log_state.lost);
		if (to_syslog(LOG_WARNING, note))
			log_state.lost = 0;
	}
	if (!to_syslog(priority, line))
		log_state.lost++;
}

void
daemon_log(int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	log_format(line, sizeof(line), format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&log_mutex);
	say(priority, line);
	pthread_mutex_unlock(&log_mutex);
}

static uint64_t
topic_hash(const char *topic)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (; *topic != '\0'; topic++)
		hash = (hash ^ (unsigned char)*topic) * 1099511628211u;
	return hash;
}

/* topic_due: `now` is never 0. */
static bool
topic_due(struct log_topics *topics, const char *topic, time_t now)
{
	uint64_t hash = topic_hash(topic);
	struct log_topic *free_slot = NULL;

	for (size_t i = 0; i < LOG_TOPICS; i++) {
		struct log_topic *slot = &topics->topics[i];
		bool fresh = slot->said != 0 && now - slot->said < TOPIC_SECONDS;

		if (fresh && slot->hash == hash)
			return false;
		if (!fresh && free_slot == NULL)
			free_slot = slot;
	}
	if (free_slot == NULL) {
		topics->limited++;
		return false;
	}
	free_slot->hash = hash;
	free_slot->said = now;
	return true;
}

/* left_out: what is said of topics that were beyond the minute's, once; "" when there were none. */
static void
left_out(struct log_topics *topics, char note[NOTE_MAX])
{
	note[0] = '\0';
	if (topics->limited > 0)
		snprintf(note, NOTE_MAX, "too much to say in a minute: left_out=%lu", topics->limited);
	topics->limited = 0;
}

bool
log_topics_due(struct log_topics *topics, const char *topic)
{
	struct timespec now;
	char note[NOTE_MAX];

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 || !topic_due(topics, topic, now.tv_sec + 1))
		return false;
	left_out(topics, note);
	if (note[0] != '\0')
		daemon_log(LOG_WARNING, "%s", note);
	return true;
}

bool
daemon_log_limited(const char *topic, int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES], note[NOTE_MAX];
	struct timespec now;
	va_list arguments;
	bool due;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return false;
	pthread_mutex_lock(&log_mutex);
	due = topic_due(&log_state.topics, topic, now.tv_sec + 1);
	if (due) {
		va_start(arguments, format);
		log_format(line, sizeof(line), format, arguments);
		va_end(arguments);
		left_out(&log_state.topics, note);
		if (note[0] != '\0')
			say(LOG_WARNING, note);
		say(priority, line);
	}
	pthread_mutex_unlock(&log_mutex);
	return due;
}
