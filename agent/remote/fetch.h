/*
 * Fetching one record: the store elsewhere is asked, the cache is written. In whatever thread.
 */
#ifndef BERTH_FETCH_H
#define BERTH_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/host/config.h"
#include "common/store/store.h"
#include "common/wire/limits.h"

#define FETCH_REASON_MAX 512

enum fetch_outcome {
	FETCH_DONE,     /* the record is in the cache, as it is now */
	FETCH_MISSING,  /* there is none any more */
	FETCH_FAILED,   /* the store elsewhere couldn't be asked */
	FETCH_REFUSED,  /* it is well, and doesn't answer for this name */
	FETCH_NOT_KEPT, /* it answered, and the cache couldn't be written: what is in it is of the past */
	FETCH_UNUSABLE, /* it answered with a record that can't be used: the one before it is of the past, and gone */
};

struct fetch {
	STAILQ_ENTRY(fetch) next;          /* the pool's */
	char user_name[USER_NAME_MAX + 1]; /* "": the server */
	bool known;                        /* there is a record of it in the cache */

	atomic_bool answered;   /* the store elsewhere has: what the cache has is of the past, until it is written */
	int64_t began;          /* milliseconds of CLOCK_MONOTONIC; 0: it hasn't */
	enum fetch_outcome outcome;
	bool missing_kept;      /* FETCH_MISSING or FETCH_UNUSABLE, and the cache couldn't be rid of the record */
	enum api_code code;     /* of FETCH_FAILED: what the store answered, if it did */
	unsigned retry_after;   /* of FETCH_FAILED: seconds that were asked for, or 0 */
	char reason[FETCH_REASON_MAX]; /* of what isn't FETCH_DONE */
};

/* fetch_wait_ms: how long one lookup waits for what was never fetched: half of LookupSeconds. For a name that nobody has
 * sshd takes as long again before it refuses, so that no time tells who is there; and LookupSeconds is the whole of it. */
static inline unsigned
fetch_wait_ms(const struct config *config)
{
	return config->lookup_seconds * 1000 / 2;
}

/* Where records come from and go to: what the threads share. */
struct fetch_source;

/* fetch_source_new: copies what it needs of the configuration, which has a ServerId. Asks nobody. NULL: no memory. */
struct fetch_source *fetch_source_new(const struct config *config);
void fetch_source_free(struct fetch_source *source); /* NULL is fine */

/* fetch_source_damaged: the cache is to be made anew before it is written again. */
void fetch_source_damaged(struct fetch_source *source);

/* fetch_run: fills in what came of it. *store: the thread's own, NULL at first, to be closed before the source is freed. */
void fetch_run(struct fetch_source *source, struct store **store, struct fetch *fetch);

/* fetch_test: asks for the server, and for a user, as the agent would, and whether the cache could be written. Makes nothing.
 * Returns 0, or -1 with *error; API_NOT_FOUND is the server's. */
int fetch_test(const struct config *config, struct api_error *error);

#endif
