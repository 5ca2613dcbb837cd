/*
 * A daemon's log: one line an event, "what happened key=value …", to syslog's authpriv and, while it starts or with -e,
 * to stderr. Never waits: a syslog that doesn't read must not hang logins, so lines that it has no room for are counted
 * and the count is said with the next one that gets through. Any thread may log.
 */
#ifndef BERTH_DAEMON_LOG_H
#define BERTH_DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>
#include <time.h>

/* daemon_log_open: where lines go from now on, and under which program's name, a constant. */
void daemon_log_open(const char *program, bool to_syslog, bool to_stderr);

/* daemon_log: priority is one of syslog.h's (LOG_INFO …); the format is log_format.h's. */
void daemon_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * daemon_log_limited: the same at most once a minute for each topic, and at most LOG_TOPICS topics a minute: what anybody can
 * cause by asking can't flood the log. What was left out is counted in a line of its own. Returns whether it was said.
 */
#define LOG_TOPICS 128
bool daemon_log_limited(const char *topic, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Topics of their own, of which there may be as many again: for lines that anybody can cause with topics of their choice, who
 * could otherwise keep all other lines from being said. One thread at a time. All zero to begin with.
 */
struct log_topic {
	uint64_t hash;
	time_t said; /* seconds of CLOCK_MONOTONIC; 0: free */
};
struct log_topics {
	struct log_topic topics[LOG_TOPICS];
	unsigned long limited; /* beyond the topics of a minute */
};

/* log_topics_due: whether the topic may be spoken of now, with daemon_log(); it counts as said then. */
bool log_topics_due(struct log_topics *topics, const char *topic);

#endif
