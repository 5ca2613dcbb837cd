/*
 * How long things took, in buckets whose width grows with what they hold: a quantile is at most 1/32 off, whatever its
 * size. Fixed size, no allocation; adding costs some instructions.
 *
 * A window holds the last minutes: what was slow yesterday hides nothing of today. One thread's.
 */
#ifndef BERTH_HISTOGRAM_H
#define BERTH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS   16 /* buckets for each doubling */
#define HISTOGRAM_BUCKETS (33 * HISTOGRAM_PARTS) /* up to 2^36 ns, 69 seconds; what took longer is in the last one */

struct histogram {
	uint32_t counts[HISTOGRAM_BUCKETS];
	uint64_t count;
	int64_t longest;
};

/* Times are nanoseconds; a negative one counts as 0. */
void histogram_add(struct histogram *histogram, int64_t time);
/* histogram_quantile: the time that so many thousandths of all didn't exceed: the longest one is
 * exact. 0 when nothing was added. */
int64_t histogram_quantile(const struct histogram *histogram, unsigned thousandths);

#define WINDOW_SECONDS 300

/* The last WINDOW_SECONDS to twice as many. All zeros at first. */
struct histogram_window {
	struct histogram current, before;
	int64_t since; /* when `current` began: nanoseconds of a clock that never goes back */
};

void histogram_window_add(struct histogram_window *window, int64_t now, int64_t time);
/* histogram_window_read: all that it holds by now. */
void histogram_window_read(struct histogram_window *window, int64_t now, struct histogram *histogram);

#endif
