/*
 * Following the transfer log: its newest lines, and those that come.
 */
#ifndef BERTH_TAIL_FOLLOW_H
#define BERTH_TAIL_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "admin_cmd/tail/tail_filter.h"
#include "admin_cmd/tail/tail_lines.h"
#include "admin_cmd/tail/tail_print.h"

#define TAIL_ALL UINT64_MAX

struct tail {
	const char *path; /* of the log */
	struct tail_filter filter;
	struct tail_printer printer;
	uint64_t count; /* lines of those that are there already; TAIL_ALL */

	int fd;       /* -1: the file isn't there yet */
	off_t offset; /* its lines up to here were read */
	struct tail_lines lines;
	uint64_t no_events, no_events_said;
};

/* tail_last: the newest lines that fit, in the order in which they were written. tail_follow: likewise, and then those that
 * come, until whoever reads them is gone. 0, or -1 after saying why on stderr. */
int tail_last(struct tail *tail);
int tail_follow(struct tail *tail);

#endif
