#include "agent/remote/fetch.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/config_value.h"
#include "common/host/daemon_log.h"
#include "common/model/record.h"
#include "common/store/cache/cache.h"
#include "common/store/transfer/transfer.h"
#include "common/wire/deadline.h"

/* A call is over a little before the wait for it, so that what came of it is known when that ends. */
#define MARGIN_MS      150
#define CONNECT_MS_MAX 3000
/* Whoever drops records all the time isn't waited for. */
#define ASKED_AGAIN 3
#define PURGE_MS    60000
#define TEST_USER   "berthd-test"

struct fetch_source {
	struct config config; /* the strings it needs, and no others */
	struct transfer_options options;
	struct cache_options cache_options;

	pthread_mutex_t mutex; /* of what follows */
	struct credential_chain *chain;
	struct transfer_remote *remote; /* NULL: couldn't be made yet */
	struct cache *cache;            /* to write; NULL: not open */
	int64_t purged;
	atomic_bool damaged; /* a reader has found that the cache can't be read */
};

/* say_lost: a part of a record that nobody will miss in silence. */
static void
say_lost(void *context, const char *user_name, const char *member, const char *why)
{
	char topic[USER_NAME_MAX + 64];

	(void)context;
	snprintf(topic, sizeof(topic), "lost %s %.32s", user_name, member);
	daemon_log_limited(topic, LOG_WARNING, "part of a record can't be used: user=%s member=%s reason=\"%s\"", user_name,
	    member, why);
}

static char *
copy(const char *string, bool *failed)
{
	char *own = string != NULL ? strdup(string) : NULL;

	*failed = *failed || (string != NULL && own == NULL);
	return own;
}

static bool
copy_config(struct config *to, const struct config *from)
{
	bool failed = false;

	to->server_id = copy(from->server_id, &failed);
	to->store = copy(from->store, &failed);
	to->region = copy(from->region, &failed);
	to->store_credentials = copy(from->store_credentials, &failed);
	to->store_profile = copy(from->store_profile, &failed);
	to->store_ca_file = copy(from->store_ca_file, &failed);
	to->cache_file = copy(from->cache_file, &failed);
	to->cache_seconds = from->cache_seconds;
	to->stale_seconds = from->stale_seconds;
	to->lookup_seconds = from->lookup_seconds;
	return !failed;
}

struct fetch_source *
fetch_source_new(const struct config *config)
{
	struct fetch_source *source = calloc(1, sizeof(*source));
	unsigned call_ms = fetch_wait_ms(config) - MARGIN_MS;

	if (source == NULL)
		return NULL;
	pthread_mutex_init(&source->mutex, NULL);
	if (!copy_config(&source->config, config)) {
		fetch_source_free(source);
		return NULL;
	}
	source->options = (struct transfer_options){
		.url = source->config.store + strlen(CONFIG_REMOTE_STORE), .region = source->config.region,
		.ca_file = source->config.store_ca_file, .call_ms = call_ms,
		.connect_ms = call_ms < CONNECT_MS_MAX ? call_ms : CONNECT_MS_MAX, .lost = say_lost,
	};
	source->cache_options = cache_options_of(&source->config);
	return source;
}

void
fetch_source_free(struct fetch_source *source)
{
	if (source == NULL)
		return;
	cache_close(source->cache);
	transfer_remote_free(source->remote);
	credential_chain_free(source->chain);
	pthread_mutex_destroy(&source->mutex);
	config_free(&source->config);
	free(source);
}

/* open_remote: with the mutex held; tried again by each fetch until it works, since a file may be put right. */
static int
open_remote(struct fetch_source *source, struct api_error *error)
{
	const struct credential_options options = {
		.file = source->config.store_credentials, .profile = source->config.store_profile,
		.region = source->config.region,
	};

	if (source->chain == NULL && (source->chain = credential_chain_new(&options)) == NULL)
		return api_fail_memory(error);
	if (source->remote != NULL)
		return 0;
	if (transfer_remote_new(&source->options, source->chain, &source->remote, error) == 0)
		return 0;
	source->remote = NULL;
	return -1;
}

static int
open_store(struct fetch_source *source, struct store **store, struct api_error *error)
{
	int result;

	if (*store != NULL)
		return 0;
	pthread_mutex_lock(&source->mutex);
	result = open_remote(source, error);
	pthread_mutex_unlock(&source->mutex);
	if (result == 0 && (result = transfer_open(source->remote, store, error)) != 0)
		*store = NULL;
	return result;
}

/* open_cache: with the mutex held. */
static int
open_cache(struct fetch_source *source, struct api_error *error)
{
	if (source->cache == NULL && cache_open(&source->cache_options, true, &source->cache, error) != 0) {
		source->cache = NULL;
		return -1;
	}
	if (!atomic_exchange(&source->damaged, false))
		return 0;
	return cache_make_anew(source->cache, error);
}

void
fetch_source_damaged(struct fetch_source *source)
{
	atomic_store(&source->damaged, true);
}

/* cache_done: with the mutex held: a cache that can't be read or written is opened anew the next time. */
static int
cache_done(struct fetch_source *source, int result)
{
	if (result < 0) {
		cache_close(source->cache);
		source->cache = NULL;
	}
	return result;
}

static int
note_asking(struct fetch_source *source, struct cache_asked *asked, struct api_error *error)
{
	int result;

	pthread_mutex_lock(&source->mutex);
	if ((result = open_cache(source, error)) == 0)
		result = cache_done(source, cache_asking(source->cache, asked, error));
	pthread_mutex_unlock(&source->mutex);
	return result;
}

/* What was asked for. */
union record {
	struct user_record user;
	struct server_record server;
};

static int
ask(struct fetch_source *source, struct store *store, const struct fetch *fetch, union record *record,
    struct api_error *error)
{
	memset(record, 0, sizeof(*record));
	memset(error, 0, sizeof(*error));
	if (fetch->user_name[0] == '\0')
		return store_describe_server(store, source->config.server_id, &record->server, error);
	return store_describe_user(store, source->config.server_id, fetch->user_name, &record->user, error);
}

static void
record_free(const struct fetch *fetch, union record *record)
{
	if (fetch->user_name[0] == '\0')
		record_free_server(&record->server);
	else
		record_free_user(&record->user);
}

/* keep: 0; 1 when it must be asked for again; -1 with *error. */
static int
keep(struct fetch_source *source, const struct fetch *fetch, const struct cache_asked *asked, const union record *record,
    struct api_error *error)
{
	int result;

	pthread_mutex_lock(&source->mutex);
	if ((result = open_cache(source, error)) == 0) {
		if (fetch->user_name[0] == '\0')
			result = cache_put_server(source->cache, asked, &record->server, error);
		else
			result = cache_put_user(source->cache, asked, &record->user, error);
		cache_done(source, result);
	}
	pthread_mutex_unlock(&source->mutex);
	return result;
}

static int
remove_record(struct fetch_source *source, const struct fetch *fetch, struct api_error *error)
{
	int result;

	pthread_mutex_lock(&source->mutex);
	if ((result = open_cache(source, error)) == 0)
		result = cache_done(source, cache_remove(source->cache, fetch->user_name, error));
	pthread_mutex_unlock(&source->mutex);
	return result;
}

/* purge: now and then, what is too old to be served. Not while the store elsewhere doesn't answer: see cache_purge(). */
static void
purge(struct fetch_source *source)
{
	int64_t now = deadline_now();
	struct api_error error;

	pthread_mutex_lock(&source->mutex);
	if (source->cache != NULL && now - source->purged > PURGE_MS) {
		source->purged = now;
		if (cache_done(source, cache_purge(source->cache, &error)) != 0)
			daemon_log_limited("purge", LOG_ERR, "old records stay in the cache: reason=\"%s\"", error.message);
	}
	pthread_mutex_unlock(&source->mutex);
}

static void
came_of_it(struct fetch *fetch, enum fetch_outcome outcome, const struct api_error *error)
{
	fetch->outcome = outcome;
	fetch->code = error != NULL ? error->code : API_OK;
	fetch->retry_after = error != NULL && error->code == API_THROTTLING ? error->retry_after : 0;
	snprintf(fetch->reason, sizeof(fetch->reason), "%.*s", FETCH_REASON_MAX - 1, error != NULL ? error->message : "");
}

/* failure: who asks for a name that the store doesn't like must not make it seem out of order. */
static enum fetch_outcome
failure(const struct api_error *error)
{
	if (error->code == API_NOT_FOUND)
		return FETCH_MISSING;
	if (error->code == API_INTERNAL)
		return FETCH_UNUSABLE;
	return error->code == API_VALIDATION || error->code == API_INVALID_REQUEST ? FETCH_REFUSED : FETCH_FAILED;
}

/* forget: what the cache has of a record that isn't there any more, or not like that. */
static void
forget(struct fetch_source *source, struct fetch *fetch)
{
	struct api_error why;

	atomic_store(&fetch->answered, true);
	fetch->missing_kept = remove_record(source, fetch, &why) != 0;
	if (fetch->missing_kept)
		came_of_it(fetch, fetch->outcome, &why);
}

/* run_once: false when the record was dropped while it was asked for. */
static bool
run_once(struct fetch_source *source, struct store *store, struct fetch *fetch)
{
	struct cache_asked asked = { 0 };
	struct api_error error, why;
	union record record;
	bool can_keep = note_asking(source, &asked, &why) == 0;
	int kept;

	/* Asked even when it can't be kept: one who isn't there any more must be known not to be. */
	if (ask(source, store, fetch, &record, &error) != 0) {
		came_of_it(fetch, failure(&error), &error);
		if (fetch->outcome == FETCH_MISSING || fetch->outcome == FETCH_UNUSABLE)
			forget(source, fetch);
		return true;
	}
	atomic_store(&fetch->answered, true);
	kept = can_keep ? keep(source, fetch, &asked, &record, &why) : -1;
	record_free(fetch, &record);
	if (kept <= 0)
		came_of_it(fetch, kept == 0 ? FETCH_DONE : FETCH_NOT_KEPT, kept == 0 ? NULL : &why);
	return kept <= 0;
}

void
fetch_run(struct fetch_source *source, struct store **store, struct fetch *fetch)
{
	struct api_error error;

	if (open_store(source, store, &error) != 0) {
		came_of_it(fetch, FETCH_FAILED, &error);
		return;
	}
	for (int i = 0; i < ASKED_AGAIN; i++) {
		if (run_once(source, *store, fetch)) {
			if (fetch->outcome == FETCH_DONE || fetch->outcome == FETCH_MISSING)
				purge(source);
			return;
		}
	}
	api_fail(&error, API_UNAVAILABLE, "it was dropped from the cache each time it was asked for");
	came_of_it(fetch, FETCH_NOT_KEPT, &error);
}

/* test_cache: whether it could be written, or made. */
static int
test_cache(const char *file, struct api_error *error)
{
	char directory[PATH_MAX];
	int length = (int)(strrchr(file, '/') - file);

	snprintf(directory, sizeof(directory), "%.*s", length > 0 ? length : 1, file);
	if (access(directory, W_OK | X_OK) != 0)
		return api_fail(error, API_UNAVAILABLE, "CacheFile: %.1000s: %s", directory, strerror(errno));
	if (access(file, R_OK | W_OK) != 0 && errno != ENOENT)
		return api_fail(error, API_UNAVAILABLE, "CacheFile: %.1000s: %s", file, strerror(errno));
	return 0;
}

/* test_asking: a record is asked for, and not kept. */
static int
test_asking(struct fetch_source *source, struct store *store, const char *user_name, struct api_error *error)
{
	struct fetch fetch = { 0 };
	union record record;

	snprintf(fetch.user_name, sizeof(fetch.user_name), "%s", user_name);
	if (ask(source, store, &fetch, &record, error) != 0)
		return -1;
	record_free(&fetch, &record);
	return 0;
}

int
fetch_test(const struct config *config, struct api_error *error)
{
	struct fetch_source *source = fetch_source_new(config);
	struct store *store = NULL;
	int result;

	if (source == NULL)
		return api_fail_memory(error);
	result = test_cache(config->cache_file, error);
	if (result == 0)
		result = open_store(source, &store, error);
	if (result == 0)
		result = test_asking(source, store, "", error);
	/* Credentials may be good for the one and not for the other. That there is no such user is fine. */
	if (result == 0 && test_asking(source, store, TEST_USER, error) != 0 && error->code != API_NOT_FOUND)
		result = -1;
	store_close(store);
	fetch_source_free(source);
	return result;
}
