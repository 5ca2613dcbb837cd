/* A point in time by which something must be over: milliseconds of CLOCK_MONOTONIC. */
#ifndef BERTH_DEADLINE_H
#define BERTH_DEADLINE_H

#include <stdint.h>
#include <time.h>

/* deadline_now: without a clock (it can't happen) every deadline is over. */
static inline int64_t
deadline_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return INT64_MAX;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t
deadline_after(int milliseconds)
{
	int64_t now = deadline_now();

	return now > INT64_MAX - milliseconds ? now : now + milliseconds;
}

/* deadline_left: milliseconds, as poll(2) takes them; 0 when it is over. */
static inline int
deadline_left(int64_t deadline)
{
	int64_t now = deadline_now();

	return now < deadline ? (int)(deadline - now) : 0;
}

#endif
