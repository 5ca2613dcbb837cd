/*
 * Whether a store kept elsewhere is to be asked now. After a failure it isn't for a moment, which doubles while it goes on;
 * at the end of it one question, alone, finds out.
 */
#ifndef BERTH_BREAKER_H
#define BERTH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state {
	BREAKER_UP,
	BREAKER_DOWN,    /* nobody asks until `until` */
	BREAKER_PROBING, /* one asks at a time */
};

struct breaker {
	enum breaker_state state;
	unsigned longest_ms;
	unsigned pause_ms;  /* the last one, without its jitter */
	int64_t until;      /* of BREAKER_DOWN: milliseconds of CLOCK_MONOTONIC */
};

/* breaker_init: up; longest_ms bounds a pause that nobody asked for. */
void breaker_init(struct breaker *breaker, unsigned longest_ms);

/* breaker_failed: an answer didn't come. retry_after: the seconds that the store asked us to wait; 0: it asked nothing.
 * random: any number, for the jitter. While it is down already nothing changes, but that a longer wait asked for counts. */
void breaker_failed(struct breaker *breaker, int64_t now, unsigned retry_after, unsigned random);
/* breaker_probe: the pause is over. */
void breaker_probe(struct breaker *breaker);
/* breaker_succeeded: an answer came. Returns whether it wasn't up. */
bool breaker_succeeded(struct breaker *breaker);

#endif
