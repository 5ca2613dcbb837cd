/*
 * A limit of requests for each access key: a bucket of tokens that holds two seconds' worth. Any thread may ask.
 */
#ifndef BERTH_RATE_H
#define BERTH_RATE_H

#include <stdint.h>

struct rate;

struct rate *rate_new(void); /* NULL when memory is out */
void rate_free(struct rate *rate);

/* rate_take: key_id is one that exists, so that there are no more buckets than keys. per_second: 0 is no limit. now:
 * milliseconds of CLOCK_MONOTONIC. Returns 0, or how many seconds, at least 1, until it is worth trying again. */
unsigned rate_take(struct rate *rate, const char *key_id, unsigned per_second, int64_t now);

#endif
