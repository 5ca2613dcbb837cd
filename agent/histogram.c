#include "agent/histogram.h"

#define PARTS_BITS 4 /* HISTOGRAM_PARTS is 2 to this */
#define WINDOW     (WINDOW_SECONDS * INT64_C(1000000000))

/* bucket_of: below HISTOGRAM_PARTS each number has its own; then each doubling has as many. */
static unsigned
bucket_of(int64_t time)
{
	unsigned exponent, bucket;

	if (time < HISTOGRAM_PARTS)
		return time < 0 ? 0 : (unsigned)time;
	exponent = 63 - (unsigned)__builtin_clzll((unsigned long long)time);
	bucket = (exponent - PARTS_BITS + 1) * HISTOGRAM_PARTS +
	    (unsigned)(time >> (exponent - PARTS_BITS)) % HISTOGRAM_PARTS;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* middle_of: what stands for all that is in a bucket. */
static int64_t
middle_of(unsigned bucket)
{
	unsigned doublings = bucket / HISTOGRAM_PARTS;
	int64_t width;

	if (doublings == 0)
		return bucket;
	width = INT64_C(1) << (doublings - 1);
	return (HISTOGRAM_PARTS + bucket % HISTOGRAM_PARTS) * width + width / 2;
}

void
histogram_add(struct histogram *histogram, int64_t time)
{
	histogram->counts[bucket_of(time)]++;
	histogram->count++;
	if (time > histogram->longest)
		histogram->longest = time;
}

static void
histogram_merge(struct histogram *histogram, const struct histogram *more)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram->counts[i] += more->counts[i];
	histogram->count += more->count;
	if (more->longest > histogram->longest)
		histogram->longest = more->longest;
}

int64_t
histogram_quantile(const struct histogram *histogram, unsigned thousandths)
{
	uint64_t rank = (histogram->count * thousandths + 999) / 1000, seen = 0;
	int64_t middle;

	if (rank >= histogram->count)
		return histogram->longest;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += histogram->counts[i];
		if (seen < rank)
			continue;
		middle = middle_of(i);
		return middle < histogram->longest ? middle : histogram->longest;
	}
	return histogram->longest;
}

static void
turn(struct histogram_window *window, int64_t now)
{
	static const struct histogram empty;

	if (now - window->since < WINDOW)
		return;
	window->before = now - window->since < 2 * WINDOW ? window->current : empty;
	window->current = empty;
	window->since = now;
}

void
histogram_window_add(struct histogram_window *window, int64_t now, int64_t time)
{
	turn(window, now);
	histogram_add(&window->current, time);
}

void
histogram_window_read(struct histogram_window *window, int64_t now, struct histogram *histogram)
{
	turn(window, now);
	*histogram = window->before;
	histogram_merge(histogram, &window->current);
}
