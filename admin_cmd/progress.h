/*
 * How far a long command has come, as one line on a terminal that is written over, at most five times a second. Nothing
 * where stderr is no terminal.
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
	const char *more;     /* what progress_users() shows behind the rest; NULL: nothing */
	struct timespec started, drawn; /* drawn: zero before the first time */
};

/* progress_start: nothing is shown unless it is wanted and stderr is a terminal. */
void progress_start(struct progress *progress, bool wanted, uint64_t bytes_total);
/* progress_users: so many users are done, and of the input so many bytes: count, rate and time left. */
void progress_users(struct progress *progress, size_t count, uint64_t bytes_done);
/* progress_step: the command is at a step, and has done so much of it; total 0: nobody knows how much there is. */
void progress_step(struct progress *progress, const char *command, const char *step, uint64_t done, uint64_t total);
/* progress_clear: takes the line away, before anything else is written, and at the end. */
void progress_clear(struct progress *progress);

#endif
