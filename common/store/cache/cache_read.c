#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/cache/cache_private.h"

/* Records that are read at once for cache_each(): its visitors may take their time, and must not keep the log from beginning
 * anew meanwhile. */
#define PAGE_RECORDS 256

#define IS_OURS "c.one = 1 AND c.spec = ?2 AND c.server_id = ?3 "

static struct fetched
row_fetched(sqlite3_stmt *statement, int column)
{
	return (struct fetched){ sqlite3_column_int64(statement, column), sqlite3_column_int64(statement, column + 1),
		sqlite3_column_double(statement, column + 2) };
}

int
cache_get_fetched(struct cache *cache, const char *user_name, struct fetched *fetched, struct api_error *error)
{
	sqlite3_stmt *statement = sqlite_query(cache->store, STATEMENT_CACHE_LOOK,
	    "SELECT f.boot, f.asked, f.time FROM cache c CROSS JOIN fetched f WHERE " IS_OURS "AND f.user_name = ?1", error,
	    "ttt", user_name, cache->options.spec, cache->options.server_id);
	int got;

	if (statement == NULL)
		return -1;
	got = sqlite_step(cache->store, statement, error);
	if (got == 1)
		*fetched = row_fetched(statement, 0);
	sqlite3_reset(statement);
	return got;
}

int
cache_query_owner(struct cache *cache, bool *ours, uint64_t *drops, struct api_error *error)
{
	sqlite3_stmt *statement = sqlite_query(cache->store, STATEMENT_CACHE_OWNER,
	    "SELECT spec = ?1 AND server_id = ?2, drops FROM cache WHERE one = 1", error, "tt", cache->options.spec,
	    cache->options.server_id);
	int got;

	if (statement == NULL)
		return -1;
	got = sqlite_step(cache->store, statement, error);
	*ours = got == 1 && sqlite3_column_int(statement, 0) == 1;
	*drops = got == 1 ? (uint64_t)sqlite3_column_int64(statement, 1) : 0;
	sqlite3_reset(statement);
	return got;
}

static int
check_open(const struct cache *cache, struct api_error *error)
{
	if (cache->store != NULL)
		return 0;
	return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s: couldn't be opened again", cache->options.file);
}

/* look: also its age in milliseconds; -1: not known. */
static int
look(struct cache *cache, const char *user_name, enum cache_state *state, int64_t *age, struct api_error *error)
{
	struct fetched fetched;
	struct cache_now now;
	int got;

	*state = CACHE_ABSENT;
	*age = -1;
	if (check_open(cache, error) == -1)
		return -1;
	if ((got = cache_get_fetched(cache, user_name, &fetched, error)) != 1)
		return got;
	now = cache_now();
	*state = cache_judge(cache, &fetched, &now, age);
	return 0;
}

int
cache_look(struct cache *cache, const char *user_name, enum cache_state *state, struct api_error *error)
{
	int64_t age;

	return look(cache, user_name, state, &age, error);
}

int64_t
cache_age(struct cache *cache, const char *user_name)
{
	enum cache_state state;
	struct api_error error;
	int64_t age;

	return look(cache, user_name, &state, &age, &error) == 0 && age >= 0 ? age / 1000 : -1;
}

int
cache_drops(struct cache *cache, uint64_t *drops, struct api_error *error)
{
	bool ours;

	return check_open(cache, error) == -1 || cache_query_owner(cache, &ours, drops, error) == -1 ? -1 : 0;
}

/* A record of a page, with a name of its own. */
struct page_record {
	struct cached_record record;
	char user_name[USER_NAME_MAX + 1];
};

static int
read_record(struct cache *cache, sqlite3_stmt *statement, const struct cache_now *now, struct page_record *to,
    struct api_error *error)
{
	struct sqlite_row row = { .store = cache->store, .statement = statement, .error = error };
	struct fetched fetched = row_fetched(statement, 1);
	struct cached_record *record = &to->record;
	int64_t age;

	memset(to, 0, sizeof(*to));
	sqlite_row_copy(&row, 0, to->user_name, USER_NAME_MAX);
	record->user_name = to->user_name;
	record->state = cache_judge(cache, &fetched, now, &age);
	record->age_seconds = age == -1 ? -1 : age / 1000;
	record->fetched = fetched.time;
	record->has_profile = sqlite_row_has(&row, 4) || sqlite_row_has(&row, 5);
	record->uid = record->has_profile ? sqlite_row_u32(&row, 4) : ID_NONE;
	record->gid = record->has_profile ? sqlite_row_u32(&row, 5) : ID_NONE;
	record->key_count = (size_t)sqlite3_column_int64(statement, 6);
	record->online = sqlite3_column_int(statement, 7) == 1;
	return row.bad ? -1 : 0;
}

#define THE_SERVER "(SELECT server_key FROM servers WHERE server_id = ?3)"

/* The records after a name: how many, or -1. NULL: from the server's on. */
static int
read_page(struct cache *cache, const char *after, struct page_record *page, struct api_error *error)
{
	struct cache_now now = cache_now();
	sqlite3_stmt *statement;
	int count = 0, got;

	statement = sqlite_query(cache->store, STATEMENT_CACHE_LIST,
	    "SELECT f.user_name, f.boot, f.asked, f.time, u.uid, u.gid,"
	    "  (SELECT count(*) FROM ssh_keys k WHERE k.user_key = u.user_key),"
	    "  f.user_name = '' AND (SELECT state = 'ONLINE' FROM servers WHERE server_id = ?3) "
	    "FROM cache c CROSS JOIN fetched f "
	    "LEFT JOIN users u ON u.server_key = " THE_SERVER " AND u.user_name = f.user_name "
	    "WHERE " IS_OURS "AND f.user_name >= ?1 AND (?4 OR f.user_name > ?1) ORDER BY f.user_name LIMIT ?5", error,
	    "tttii", after == NULL ? "" : after, cache->options.spec, cache->options.server_id, (int64_t)(after == NULL),
	    (int64_t)PAGE_RECORDS);
	if (statement == NULL)
		return -1;
	while (count < PAGE_RECORDS && (got = sqlite_step(cache->store, statement, error)) == 1) {
		if ((got = read_record(cache, statement, &now, &page[count], error)) == -1)
			break;
		count++;
	}
	sqlite3_reset(statement);
	return got == -1 ? -1 : count;
}

int
cache_each(struct cache *cache, cache_visit *visit, void *context, struct api_error *error)
{
	struct page_record *page;
	const char *after = NULL;
	char last[USER_NAME_MAX + 1];
	int count, i;

	if (check_open(cache, error) == -1)
		return -1;
	page = calloc(PAGE_RECORDS, sizeof(*page));
	if (page == NULL)
		return api_fail_memory(error);
	do {
		count = read_page(cache, after, page, error);
		for (i = 0; i < count; i++)
			if (visit(context, &page[i].record) != 0)
				break;
		if (count > 0)
			memcpy(last, page[count - 1].user_name, sizeof(last));
		after = last;
	} while (count == PAGE_RECORDS && i == count);
	free(page);
	return count == -1 ? -1 : 0;
}
