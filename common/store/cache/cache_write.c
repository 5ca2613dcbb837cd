#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/cache/cache_private.h"

/* Removed in one transaction, so that other writers needn't wait long. */
#define PURGE_USERS 500

/* On so many files, when each is found damaged or is replaced by somebody else. */
#define ATTEMPTS 8

/* One write: what it does, in a transaction, on a file whose records are of the cache's own store. */
struct write {
	int (*run)(struct cache *cache, const struct write *write, struct api_error *error);
	const struct cache_asked *asked; /* NULL: it is no answer that a drop would undo */
	const char *user_name;
	const struct user_record *user;
	const struct server_record *server;
	bool *found;
	bool durable; /* through a power cut, too: what is gone must not come back */
};

static int
run_sql(struct cache *cache, const char *sql, struct api_error *error)
{
	if (sqlite3_exec(cache->store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sqlite_fail(cache->store, "writing", error);
}

/* What refers to other rows goes first. */
static int
remove_all(struct cache *cache, struct api_error *error)
{
	return run_sql(cache, "DELETE FROM fetched; DELETE FROM secondary_gids; DELETE FROM ssh_keys; DELETE FROM user_tags;"
	    "DELETE FROM users; DELETE FROM server_tags; DELETE FROM servers", error);
}

/* Whose records these are from now on. Each time that is written, a drop is counted. */
static int
set_owner(struct cache *cache, struct api_error *error)
{
	return sqlite_run(cache->store, STATEMENT_CACHE_SET_OWNER,
	    "UPDATE cache SET spec = ?1, server_id = ?2, drops = (drops + 1) & 0x3fffffffffffffff WHERE one = 1", error,
	    "tt", cache->options.spec, cache->options.server_id);
}

/* Another store's records are forgotten. Returns 0, 1 when there has been a drop since, or -1. */
static int
begin_own(struct cache *cache, const struct cache_asked *asked, struct api_error *error)
{
	uint64_t drops;
	bool ours;
	int got = cache_query_owner(cache, &ours, &drops, error);

	if (got == 0) {
		cache->store->damaged = true;
		return api_fail(error, API_INTERNAL, "CacheFile %.1000s: says of no store that it is its cache",
		    cache->options.file);
	}
	if (got == 1 && !ours && (remove_all(cache, error) == -1 || set_owner(cache, error) == -1))
		return -1;
	if (got == 1)
		return asked != NULL && (!ours || drops != asked->drops);
	return -1;
}

static int
write_transaction(struct cache *cache, const struct write *write, struct api_error *error)
{
	struct store *store = &cache->store->base;
	int result;

	if (store_begin(store, error) == -1)
		return -1;
	result = begin_own(cache, write->asked, error);
	if (result == 0)
		result = write->run(cache, write, error);
	if (result == -1)
		store_abandon(store);
	else if (store_commit(store, error) == -1)
		result = -1;
	return result;
}

static int
write_durably(struct cache *cache, const struct write *write, struct api_error *error)
{
	int result;

	if (!write->durable)
		return write_transaction(cache, write, error);
	if (run_sql(cache, "PRAGMA synchronous = FULL", error) == -1)
		return -1;
	result = write_transaction(cache, write, error);
	sqlite3_exec(cache->store->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return result;
}

/* The file may have been removed or replaced since it was opened. */
static int
open_again(struct cache *cache, struct api_error *error)
{
	if (cache->store != NULL && !store_moved(&cache->store->base))
		return 0;
	cache_file_close(cache);
	return cache_file_open(cache, error);
}

/* A damaged file, or one that was replaced meanwhile, is no failure: there is another one then. */
static int
write_to_cache(struct cache *cache, const struct write *write, struct api_error *error)
{
	int result = -1, attempt;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (open_again(cache, error) == -1)
			return -1;
		cache->store->damaged = false;
		result = write_durably(cache, write, error);
		if (result != -1)
			return result;
		if (cache->store->damaged && cache_file_remove(cache, error) == -1)
			return -1;
		if (cache->store != NULL && !store_moved(&cache->store->base))
			return -1;
	}
	return result;
}

static int
do_nothing(struct cache *cache, const struct write *write, struct api_error *error)
{
	(void)cache;
	(void)write;
	(void)error;
	return 0;
}

int
cache_asking(struct cache *cache, struct cache_asked *asked, struct api_error *error)
{
	const struct write claim = { .run = do_nothing };
	bool ours = false;

	asked->at = cache_now().boot_ms;
	if (open_again(cache, error) == -1)
		return -1;
	if (cache_query_owner(cache, &ours, &asked->drops, error) == 1 && ours)
		return 0;
	/* Another store's, or a damaged file: with the writer's lock that can be mended. */
	if (write_to_cache(cache, &claim, error) == -1)
		return -1;
	return cache_query_owner(cache, &ours, &asked->drops, error) == 1 ? 0 : -1;
}

/* Whether what is there was asked for later: 1, 0 or -1. */
static int
is_older(struct cache *cache, const char *user_name, const struct cache_asked *asked, struct api_error *error)
{
	struct fetched there;
	int got = cache_get_fetched(cache, user_name, &there, error);

	if (got != 1)
		return got;
	return there.boot == cache->boot && there.asked > asked->at && there.asked <= cache_now().boot_ms;
}

static int
set_time(struct cache *cache, const char *user_name, const struct cache_asked *asked, struct api_error *error)
{
	struct cache_now now = cache_now();
	double time = now.time - (double)(now.boot_ms - asked->at) / 1000;

	return sqlite_run(cache->store, STATEMENT_CACHE_SET_TIME,
	    "INSERT OR REPLACE INTO fetched (user_name, boot, asked, time) VALUES (?1, ?2, ?3, ?4)", error, "tiid",
	    user_name, cache->boot, asked->at, time);
}

/* A server that hasn't been asked for: users belong to one. */
static int
make_server(struct cache *cache, struct api_error *error)
{
	struct server_record server = { .settings = (char *)"{}" };

	snprintf(server.server_id, sizeof(server.server_id), "%s", cache->options.server_id);
	return store_create_server(&cache->store->base, &server, error);
}

/* Makes the server when that is what isn't there. */
static int
create_user(struct cache *cache, const struct user_record *user, struct api_error *error)
{
	if (store_create_user(&cache->store->base, user, error) == 0)
		return 0;
	if (error->code != API_NOT_FOUND || make_server(cache, error) == -1)
		return -1;
	return store_create_user(&cache->store->base, user, error);
}

static int
put_user(struct cache *cache, const struct write *write, struct api_error *error)
{
	const char *user_name = write->user->user_name;
	int got = is_older(cache, user_name, write->asked, error);

	if (got != 0)
		return got == 1 ? 0 : -1;
	got = store_replace_user(&cache->store->base, write->user, error);
	if (got == -1 && error->code == API_NOT_FOUND)
		got = create_user(cache, write->user, error);
	return got == -1 ? -1 : set_time(cache, user_name, write->asked, error);
}

/* What it answered must be what was asked for. */
static int
check_server_id(const struct cache *cache, const char *server_id, struct api_error *error)
{
	if (strcmp(server_id, cache->options.server_id) == 0)
		return 0;
	return api_fail(error, API_INTERNAL, "CacheFile %.1000s: a record of server %s can't be kept: ServerId is %s",
	    cache->options.file, server_id, cache->options.server_id);
}

int
cache_put_user(struct cache *cache, const struct cache_asked *asked, const struct user_record *user,
    struct api_error *error)
{
	struct kept_user kept;
	const struct write write = { .run = put_user, .asked = asked, .user = &kept.user };
	int result;

	if (check_server_id(cache, user->server_id, error) == -1)
		return -1;
	if (cache_keep_user(user, &kept) == -1)
		return api_fail_memory(error);
	result = write_to_cache(cache, &write, error);
	cache_free_kept(&kept);
	return result;
}

static int
replace_server(const void *context, struct server_record *server, struct api_error *error)
{
	const struct server_record *from = context;
	char *settings = strdup(from->settings == NULL ? "{}" : from->settings);

	if (settings == NULL)
		return api_fail_memory(error);
	free(server->settings);
	server->settings = settings;
	server->online = from->online;
	return 0;
}

static int
replace_tags(const void *context, struct tag **tags, size_t *count, struct api_error *error)
{
	const struct server_record *from = context;

	record_free_tags(*tags, *count);
	*tags = NULL;
	*count = 0;
	return cache_keep_tags(from->tags, from->tag_count, tags, count) == 0 ? 0 : api_fail_memory(error);
}

static int
put_server(struct cache *cache, const struct write *write, struct api_error *error)
{
	struct store *store = &cache->store->base;
	int got = is_older(cache, "", write->asked, error);

	if (got != 0)
		return got == 1 ? 0 : -1;
	got = store_update_server(store, cache->options.server_id, replace_server, write->server, error);
	if (got == -1 && error->code == API_NOT_FOUND && make_server(cache, error) == 0)
		got = store_update_server(store, cache->options.server_id, replace_server, write->server, error);
	if (got == -1 ||
	    store_update_tags(store, cache->options.server_id, NULL, replace_tags, write->server, error) == -1)
		return -1;
	return set_time(cache, "", write->asked, error);
}

int
cache_put_server(struct cache *cache, const struct cache_asked *asked, const struct server_record *server,
    struct api_error *error)
{
	const struct write write = { .run = put_server, .asked = asked, .server = server };

	return check_server_id(cache, server->server_id, error) == -1 ? -1 : write_to_cache(cache, &write, error);
}

/* Whether there is a record: 1, 0 or -1. NULL: any. */
static int
has_record(struct cache *cache, const char *user_name, struct api_error *error)
{
	return sqlite_has(cache->store, STATEMENT_CACHE_HAS,
	    "SELECT 1 FROM fetched WHERE user_name >= coalesce(?1, '') AND (?1 IS NULL OR user_name = ?1) LIMIT 1", error,
	    "t", user_name);
}

static int
remove_user(struct cache *cache, const char *user_name, struct api_error *error)
{
	if (sqlite_run(cache->store, STATEMENT_CACHE_REMOVE_USER, "DELETE FROM users WHERE server_key = "
	    "(SELECT server_key FROM servers WHERE server_id = ?1) AND user_name = ?2", error, "tt",
	    cache->options.server_id, user_name) == -1)
		return -1;
	return sqlite_run(cache->store, STATEMENT_CACHE_REMOVE_TIME, "DELETE FROM fetched WHERE user_name = ?1", error, "t",
	    user_name);
}

static int
remove_record(struct cache *cache, const struct write *write, struct api_error *error)
{
	if (write->user_name[0] == '\0')
		return remove_all(cache, error);
	return remove_user(cache, write->user_name, error);
}

int
cache_remove(struct cache *cache, const char *user_name, struct api_error *error)
{
	const struct write write = { .run = remove_record, .user_name = user_name, .durable = true };

	/* Names that nobody has are asked for all day, and cost no write. */
	if (open_again(cache, error) == -1)
		return -1;
	if (has_record(cache, user_name[0] == '\0' ? NULL : user_name, error) == 0)
		return 0;
	return write_to_cache(cache, &write, error);
}

static int
drop(struct cache *cache, const struct write *write, struct api_error *error)
{
	int got = has_record(cache, write->user_name, error);

	if (got == -1)
		return -1;
	*write->found = got == 1;
	if ((write->user_name == NULL ? remove_all(cache, error) : remove_user(cache, write->user_name, error)) == -1)
		return -1;
	/* Also of one that isn't there: it may be on its way. */
	return set_owner(cache, error);
}

int
cache_drop(struct cache *cache, const char *user_name, bool *found, struct api_error *error)
{
	const struct write write = { .run = drop, .user_name = user_name, .found = found, .durable = true };

	*found = false;
	return write_to_cache(cache, &write, error);
}

/* The names of records that are too old: ?1 this boot, ?2 its milliseconds, ?3 how many of them a record may be old, ?4 the
 * time, ?5 how many seconds old. What cache_judge() calls absent. */
#define TOO_OLD \
	"SELECT user_name FROM fetched WHERE CASE WHEN boot = ?1 THEN asked > ?2 OR ?2 - asked >= ?3 " \
	"ELSE time <= ?4 - ?5 OR time > ?4 + " STRING_OF(CACHE_CLOCK_SLACK) " END LIMIT ?6"
#define STRING_OF(number) STRING_OF_(number)
#define STRING_OF_(number) #number

static int
run_on_old(struct cache *cache, enum statement which, const char *sql, const struct cache_now *now, struct api_error *error)
{
	unsigned cache_seconds = cache->options.cache_seconds, stale_seconds = cache->options.stale_seconds;
	int64_t longest = (int64_t)(cache_seconds > stale_seconds ? cache_seconds : stale_seconds) * 1000;

	return sqlite_has(cache->store, which, sql, error, "iiidii", cache->boot, now->boot_ms, longest, now->time,
	    (int64_t)stale_seconds, (int64_t)PURGE_USERS);
}

static int
purge(struct cache *cache, const struct write *write, struct api_error *error)
{
	struct cache_now now = cache_now(); /* the same for both: they mean the same names */

	(void)write;
	if (run_on_old(cache, STATEMENT_CACHE_REMOVE_OLD_USERS, "DELETE FROM users WHERE "
	    "server_key IN (SELECT server_key FROM servers) AND user_name IN (" TOO_OLD ")", &now, error) == -1)
		return -1;
	return run_on_old(cache, STATEMENT_CACHE_REMOVE_OLD_TIMES, "DELETE FROM fetched WHERE user_name IN (" TOO_OLD ")",
	    &now, error);
}

int
cache_purge(struct cache *cache, struct api_error *error)
{
	const struct write write = { .run = purge };
	struct cache_now now;
	int got;

	do {
		now = cache_now();
		if (open_again(cache, error) == -1)
			return -1;
		got = run_on_old(cache, STATEMENT_CACHE_HAS_OLD, TOO_OLD, &now, error);
		if (got == 1 && write_to_cache(cache, &write, error) == -1)
			return -1;
	} while (got == 1);
	return got;
}

int
cache_make_anew(struct cache *cache, struct api_error *error)
{
	if (cache_file_remove(cache, error) == -1)
		return -1;
	return cache_file_open(cache, error);
}
