/*
 * The cache of a store kept elsewhere: the records that were asked for, in a SQLite file of this host, with the time at
 * which they were. It survives the agent, and a copy of the store's schema in it answers a login's questions as the store
 * would.
 *
 * A record is fresh for CacheSeconds after it was asked for. Then it has to be asked for again; and while that can't be done
 * it may be served up to StaleSeconds. Age is counted by CLOCK_BOOTTIME, which nobody can set; across a restart of the host
 * by the wall clock, and then nothing is fresh.
 *
 * One thread reads through a cache of its own and never waits; writers, in other threads and processes, wait for each other,
 * no longer than 5 s. What is written survives the end of any process. A power cut may lose the newest records, but no drop
 * and no removal, and damages nothing.
 */
#ifndef BERTH_CACHE_H
#define BERTH_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/model/record.h"
#include "common/store/store.h"

struct cache;

struct cache_options {
	const char *file;      /* CacheFile */
	const char *spec;      /* Store: what was cached of another one is never served; the next writer forgets it */
	const char *server_id;
	unsigned cache_seconds, stale_seconds;
};

/* cache_options_of: as the configuration says; the strings stay its own. */
struct cache_options cache_options_of(const struct config *config);

/* cache_open: the strings must outlive the cache. A writer makes the file, and makes it anew when it is no cache, damaged or
 * another release's: it can be had again. (What may be something else is kept as FILE.old; a Berth store is refused.) For a
 * reader it must be there (API_NOT_FOUND). Returns 0, or -1 with *error. */
int cache_open(const struct cache_options *options, bool writes, struct cache **cache, struct api_error *error);
void cache_close(struct cache *cache); /* NULL is fine */
/* cache_moved: whether the name leads to another file by now, or to none: a reader is to be opened again. (A writer does
 * that by itself, whenever it writes.) */
bool cache_moved(struct cache *cache);
/* cache_damaged: whether a reader has found something in the file that no cache holds: it fails there until a writer calls
 * cache_make_anew(), after which nothing is cached. Writers that find such a thing do that by themselves. */
bool cache_damaged(const struct cache *cache);
int cache_make_anew(struct cache *cache, struct api_error *error);

/* cache_store: a reader's: to ask for what the cache holds, fresh or not (store_find_by_name() …, store_describe_user());
 * closed with the cache. */
struct store *cache_store(struct cache *cache);

enum cache_state {
	CACHE_ABSENT, /* isn't there, or is too old to be served at all */
	CACHE_STALE,  /* to be asked for again; served only while that can't be done */
	CACHE_FRESH,
};

/* cache_look: the state of a user's record, or of the server's when user_name is "". Returns 0, or -1 with *error. */
int cache_look(struct cache *cache, const char *user_name, enum cache_state *state, struct api_error *error);

/* cache_age: the seconds since a record was asked for; -1: not known, or there is none. */
int64_t cache_age(struct cache *cache, const char *user_name);

/* Writing. What was fetched counts from before it was asked for; and a drop in between undoes it. */
struct cache_asked {
	int64_t at;    /* milliseconds of CLOCK_BOOTTIME */
	uint64_t drops;
};
/* cache_asking: to be called before the store elsewhere is asked. */
int cache_asking(struct cache *cache, struct cache_asked *asked, struct api_error *error);
/* cache_put_user, cache_put_server: what it answered, durable against the agent's end. Returns 0; 1 when somebody has
 * dropped records since cache_asking(): nothing is kept then, ask again; or -1 with *error. A record without a Role has ""
 * here. */
int cache_put_user(struct cache *cache, const struct cache_asked *asked, const struct user_record *user,
    struct api_error *error);
int cache_put_server(struct cache *cache, const struct cache_asked *asked, const struct server_record *server,
    struct api_error *error);
/* cache_remove: the store elsewhere doesn't have it any more ("": the server, and with it all its users). */
int cache_remove(struct cache *cache, const char *user_name, struct api_error *error);
/* cache_purge: removes what is too old to be served. Ages of before the host's start go by the wall clock, so it is to be
 * called once the store elsewhere has answered, and not while it can't be asked. */
int cache_purge(struct cache *cache, struct api_error *error);

/* cache_drop: an operator forgets a user's record (*found: there was one), or all of it (NULL). */
int cache_drop(struct cache *cache, const char *user_name, bool *found, struct api_error *error);
/* cache_drops: changes with every drop: who remembers anything beside the cache (names that nobody has) forgets it then. */
int cache_drops(struct cache *cache, uint64_t *drops, struct api_error *error);

struct cached_record { /* pointers live only during the visit */
	const char *user_name; /* "": the server */
	enum cache_state state;
	int64_t age_seconds;   /* -1: not known */
	double fetched;        /* seconds since 1970 */
	bool has_profile;      /* of a user */
	uint32_t uid, gid;
	size_t key_count;
	bool online;           /* of the server */
};
/* cache_each: all records, the server's first, then by name; what the visitor returns stops it when not 0, and is no
 * error. */
typedef int cache_visit(void *context, const struct cached_record *record);
int cache_each(struct cache *cache, cache_visit *visit, void *context, struct api_error *error);

#endif
