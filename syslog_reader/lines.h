/*
 * A message of syslog(3) as a line: the form that a file of rsyslog's has, which people and `berth why --log` read.
 */
#ifndef BERTH_SYSLOG_LINES_H
#define BERTH_SYSLOG_LINES_H

#include <stddef.h>
#include <time.h>

#define MESSAGE_MAX 8192
#define LINE_MAX_BYTES (MESSAGE_MAX + 512)

/*
 * line_of_message: "Nov 22 20:10:11 HOST PROGRAM[PID]: TEXT\n" of what was received (no NUL needed): its priority and its
 * own time go, since the time is ours to say; whatever could begin another line or disturb a terminal becomes '?'. `line` holds
 * LINE_MAX_BYTES. Returns the line's length; 0: there was nothing in it.
 */
size_t line_of_message(const char *message, size_t length, time_t now, const char *host, char *line);

#endif
