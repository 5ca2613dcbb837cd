/*
 * A line of a log file as syslog daemons write it: "Nov 22 04:19:26 HOST PROGRAM[PID]: MESSAGE", or with the time as
 * "2026-11-22T04:19:26.123456+01:00".
 */
#ifndef BERTH_WHY_LINE_H
#define BERTH_WHY_LINE_H

#include <stdbool.h>
#include <sys/types.h>

#define WHY_PROGRAM_MAX 32

struct why_line {
	double time;
	char program[WHY_PROGRAM_MAX];
	pid_t pid;     /* 0: the line has none */
	char *message; /* in the line */
};

/* why_line_read: `now` tells the year of a time that has none: the last one in which it isn't later than that. The line,
 * without its end, is cut. False when it isn't such a line. */
bool why_line_read(char *line, double now, struct why_line *read);

#endif
