/*
 * The cache as the event loop reads it: opened when it is there, and again after a failure or when another has taken its
 * place, at most once a second.
 */
#ifndef BERTH_CACHE_READER_H
#define BERTH_CACHE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/cache/cache.h"

struct cache_reader {
	struct cache_options options; /* whose strings are the caller's */
	struct cache *cache;          /* NULL: not open */
	int64_t tried;                /* milliseconds of CLOCK_MONOTONIC of the last attempt; 0: none */
	int64_t looked;               /* the same of the last look whether it has moved */
	char reason[256];             /* why it isn't open, as it was logged last */
	uint64_t drops;
	bool damaged; /* a writer is to make it anew; who has told one says false */
};

/* cache_reader_look: a cache that can't be read has nothing. */
enum cache_state cache_reader_look(struct cache_reader *reader, const char *user_name);
/* cache_reader_age: in seconds, of a record that is there; -1: not known. */
int64_t cache_reader_age(struct cache_reader *reader, const char *user_name);
/* cache_reader_store: NULL when it can't be read. */
struct store *cache_reader_store(struct cache_reader *reader);
/* cache_reader_dropped: whether anybody has dropped records since the last call. */
bool cache_reader_dropped(struct cache_reader *reader);
/* cache_reader_failed: a call failed with *error, which is logged. */
void cache_reader_failed(struct cache_reader *reader, const struct api_error *error);
/* cache_reader_written: it is there now, and may be another file, whatever was found last. */
void cache_reader_written(struct cache_reader *reader);
void cache_reader_close(struct cache_reader *reader);

#endif
