/*
 * The cache: private to
 *
 *   cache.c        opening, closing
 *   cache_file.c   the file: made, opened, and made anew
 *   cache_age.c    how old a record is
 *   cache_read.c   what is asked of it
 *   cache_write.c  what is written to it
 *   cache_kept.c   a record that can be kept, of one as it was fetched
 *
 * The file is an embedded store's, of a kind of its own, and has two tables besides:
 *
 *   cache    one row: whose records these are, and a number that changes with every drop
 *   fetched  when each record was asked for; the server's has the name ""
 */
#ifndef BERTH_CACHE_PRIVATE_H
#define BERTH_CACHE_PRIVATE_H

#include "common/store/cache/cache.h"
#include "common/store/sqlite/sqlite_store.h"

struct cache {
	struct cache_options options;
	bool writes;
	int64_t boot; /* which start of the host this is */
	struct sqlite_store *store; /* NULL: a writer's, to be opened again */
};

/* cache_file_open: into cache->store; a writer makes the file when it isn't there, or is none that can be used. 0, or -1
 * with *error. cache_file_close: again nothing is open. cache_file_remove: takes the file away, with what lies beside it. */
int cache_file_open(struct cache *cache, struct api_error *error);
void cache_file_close(struct cache *cache);
int cache_file_remove(struct cache *cache, struct api_error *error);

/* When a record was asked for, as the file has it. */
struct fetched {
	int64_t boot;  /* which start of the host that was */
	int64_t asked; /* milliseconds of CLOCK_BOOTTIME */
	double time;   /* seconds since 1970 */
};
struct cache_now {
	int64_t boot_ms;
	double time;
};

/* Another start's times may lie so many seconds ahead: the clock has been set right since. */
#define CACHE_CLOCK_SLACK 300

/* cache_boot: a number for this start of the host; where that isn't known, for this process. */
int64_t cache_boot(void);
struct cache_now cache_now(void);
/* cache_judge: a record's state, and its age in milliseconds, or -1 when that isn't known: then nobody may be served it. */
enum cache_state cache_judge(const struct cache *cache, const struct fetched *fetched, const struct cache_now *now,
    int64_t *age);

/* cache_get_fetched: when a record was asked for: 1; 0: there is none of the cache's own store; -1. */
int cache_get_fetched(struct cache *cache, const char *user_name, struct fetched *fetched, struct api_error *error);
/* cache_query_owner: whether the file's records are of the cache's own store, and the number of drops. 1: *ours and *drops
 * are set; 0: the file has no such row; -1. */
int cache_query_owner(struct cache *cache, bool *ours, uint64_t *drops, struct api_error *error);

/* cache_keep_user: a shallow copy of a user without what the store couldn't keep or give back; record and copy share what
 * stays. cache_free_kept() releases what is the copy's own. 0, or -1: no memory. */
struct kept_user {
	struct user_record user;
	char *bodies[USER_KEYS_MAX]; /* of keys whose own couldn't be kept */
};
int cache_keep_user(const struct user_record *from, struct kept_user *kept);
void cache_free_kept(struct kept_user *kept);
/* cache_keep_tags: a copy of those that can be kept, for record_free_tags(), on -1 (no memory), too. */
int cache_keep_tags(const struct tag *from, size_t from_count, struct tag **tags, size_t *count);

#endif
