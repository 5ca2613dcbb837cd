/*
 * How fast a service is asked: as many requests at once as it bears. One that it refuses for its rate halves them and makes
 * all wait; each that is answered lets them grow back a little.
 */
#ifndef BERTH_IMPORT_PACE_H
#define BERTH_IMPORT_PACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct import_pace {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned most, active;
	double at_once;      /* from 1 to most */
	int64_t resume;      /* nothing is asked before (common/wire/deadline.h) */
	int backoff_ms;      /* of the next refusal that follows upon refusals alone */
	uint64_t slowed;     /* how often it has been slowed down */
	bool stopped;
};

enum import_pace_outcome { PACE_ANSWERED, PACE_THROTTLED, PACE_OTHER };

int import_pace_start(struct import_pace *pace, unsigned most); /* -1: no memory */
void import_pace_free(struct import_pace *pace);

/* import_pace_enter: waits until one more may be asked; *ticket is for import_pace_leave(). False: stopped. */
bool import_pace_enter(struct import_pace *pace, uint64_t *ticket);
/* import_pace_leave: it was asked. retry_after: seconds, when throttled; 0: it didn't say. */
void import_pace_leave(struct import_pace *pace, uint64_t ticket, enum import_pace_outcome outcome, unsigned retry_after);
/* import_pace_waits: whether nothing is asked now, for the service's sake. */
bool import_pace_waits(struct import_pace *pace);
/* import_pace_stop: whoever waits, or will, is sent away. */
void import_pace_stop(struct import_pace *pace);

#endif
