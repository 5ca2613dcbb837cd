/*
 * How far a long command has come, as one line on a terminal that is written over: count, rate and time left. Nothing where
 * stderr is no terminal.
 */
#ifndef BERTH_PROGRESS_H
#define BERTH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct progress {
	bool wanted;
	int width;            /* of what stands on the terminal now; 0: nothing */
	uint64_t bytes_total; /* 0: not known, and no time left is shown */
	struct timespec started, drawn;
};

/* progress_start: nothing is shown unless it is wanted and stderr is a terminal. */
void progress_start(struct progress *progress, bool wanted, uint64_t bytes_total);
/* progress_show: so many users are done, and of the input so many bytes. Draws at most five times a second. */
void progress_show(struct progress *progress, size_t count, uint64_t bytes_done);
/* progress_clear: takes the line away, before anything else is written, and at the end. */
void progress_clear(struct progress *progress);

#endif
