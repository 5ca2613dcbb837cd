#include "agent/remote/cache_reader.h"

#include <stdio.h>
#include <string.h>

#include "agent/metrics.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define RETRY_MS 1000
#define LOOK_MS  1000 /* a stat(2) for every lookup would be felt */

/* say_reason: a reason that stays the same is said once. A cache that nobody has written yet is no reason. */
static void
say_reason(struct cache_reader *reader, const struct api_error *error)
{
	if (error->code == API_NOT_FOUND || strncmp(reader->reason, error->message, sizeof(reader->reason) - 1) == 0)
		return;
	snprintf(reader->reason, sizeof(reader->reason), "%.*s", (int)sizeof(reader->reason) - 1, error->message);
	daemon_log(LOG_ERR, "cache can't be read: file=%s reason=\"%s\"", reader->options.file, error->message);
}

static void
let_go_when_moved(struct cache_reader *reader, int64_t now)
{
	if (reader->cache == NULL || now - reader->looked < LOOK_MS)
		return;
	reader->looked = now;
	if (cache_moved(reader->cache))
		cache_reader_close(reader);
}

static struct cache *
opened(struct cache_reader *reader)
{
	struct api_error error = { 0 };
	int64_t now = deadline_now();

	let_go_when_moved(reader, now);
	if (reader->cache != NULL || (reader->tried != 0 && now - reader->tried < RETRY_MS))
		return reader->cache;
	reader->tried = now;
	if (cache_open(&reader->options, false, &reader->cache, &error) == 0) {
		reader->reason[0] = '\0';
		reader->looked = now;
		metrics_add(METRIC_STORE_OPENINGS, 1);
		return reader->cache;
	}
	reader->cache = NULL;
	metrics_add(METRIC_STORE_ERRORS, error.code != API_NOT_FOUND);
	say_reason(reader, &error);
	return NULL;
}

enum cache_state
cache_reader_look(struct cache_reader *reader, const char *user_name)
{
	struct cache *cache = opened(reader);
	enum cache_state state = CACHE_ABSENT;
	struct api_error error = { 0 };

	if (cache == NULL)
		return CACHE_ABSENT;
	if (cache_look(cache, user_name, &state, &error) == 0)
		return state;
	cache_reader_failed(reader, &error);
	return CACHE_ABSENT;
}

int64_t
cache_reader_age(struct cache_reader *reader, const char *user_name)
{
	struct cache *cache = opened(reader);

	return cache != NULL ? cache_age(cache, user_name) : -1;
}

struct store *
cache_reader_store(struct cache_reader *reader)
{
	struct cache *cache = opened(reader);

	return cache != NULL ? cache_store(cache) : NULL;
}

bool
cache_reader_dropped(struct cache_reader *reader)
{
	struct cache *cache = opened(reader);
	uint64_t drops, before = reader->drops;
	struct api_error error = { 0 };

	if (cache == NULL)
		return true;
	if (cache_drops(cache, &drops, &error) != 0) {
		cache_reader_failed(reader, &error);
		return true;
	}
	reader->drops = drops;
	return drops != before;
}

void
cache_reader_failed(struct cache_reader *reader, const struct api_error *error)
{
	metrics_add(METRIC_STORE_ERRORS, 1);
	/* One record that can't be read is that record's trouble: the cache stays. */
	if (error->code != API_UNAVAILABLE) {
		daemon_log_limited(error->message, LOG_ERR, "record can't be read: reason=\"%s\"", error->message);
		return;
	}
	say_reason(reader, error);
	reader->damaged = reader->damaged || (reader->cache != NULL && cache_damaged(reader->cache));
	cache_close(reader->cache);
	reader->cache = NULL;
}

void
cache_reader_written(struct cache_reader *reader)
{
	reader->tried = reader->looked = 0;
}

void
cache_reader_close(struct cache_reader *reader)
{
	cache_close(reader->cache);
	reader->cache = NULL;
	reader->tried = 0;
}
