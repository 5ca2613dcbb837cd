#include "admin_cmd/status/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/child.h"
#include "admin_cmd/local_store.h"
#include "common/host/identity.h"
#include "common/host/registry.h"
#include "common/store/cache/cache.h"

#define COUNT_SECONDS 5 /* a store whose disk doesn't answer holds up nobody who wants to know how things are */

static int
count_one(void *context, const struct cached_record *record)
{
	int64_t *count = context;

	*count += record->user_name[0] != '\0' && record->state != CACHE_ABSENT;
	return 0;
}

static int64_t
count_cached(const struct config *config, struct api_error *error)
{
	const struct cache_options options = cache_options_of(config);
	struct cache *cache;
	int64_t count = 0;

	/* Nobody has written one yet. */
	if (cache_open(&options, false, &cache, error) == -1)
		return error->code == API_NOT_FOUND ? 0 : -1;
	if (cache_each(cache, count_one, &count, error) == -1)
		count = -1;
	cache_close(cache);
	return count;
}

static int64_t
count_stored(const struct config *config, struct api_error *error)
{
	struct server_record server = { 0 };
	struct store *store;
	int64_t count = -1;

	if (store_open(config->store, STORE_READ, &store, error) == -1)
		return -1;
	if (store_describe_server(store, config->server_id, &server, error) == 0)
		count = (int64_t)server.user_count;
	record_free_server(&server);
	store_close(store);
	return count;
}

struct counting {
	const struct config *config;
	int64_t users; /* -1: they can't be counted */
};

/* count_as_user: in a process of its own, which is the configuration's User. */
static int
count_as_user(void *context)
{
	struct counting *counting = context;
	struct api_error error = { .code = API_OK };

	counting->users = config_store_is_remote(counting->config) ? count_cached(counting->config, &error) :
	    count_stored(counting->config, &error);
	if (counting->users == -1)
		fprintf(stderr, STATUS_COMMAND ": the users can't be counted: %s\n", error.message);
	return 0;
}

/* count_users: -1 when it can't be told. */
static int64_t
count_users(const struct config *config)
{
	struct counting *counting = child_memory(sizeof(*counting));
	int64_t count = -1;
	int status = -1;

	if (counting != NULL) {
		counting->config = config;
		status = child_run(config->user, COUNT_SECONDS, count_as_user, counting);
	}
	if (status == 0)
		count = counting->users;
	else if (status > 0)
		fprintf(stderr, STATUS_COMMAND ": the users can't be counted: ended with status %d\n", status);
	else
		fprintf(stderr, STATUS_COMMAND ": the users can't be counted as User %s: %s\n", config->user,
		    errno == ETIMEDOUT ? "the store doesn't answer" : identity_problem(errno));
	child_memory_free(counting, sizeof(*counting));
	return count;
}

static int64_t
count_sessions(void)
{
	struct live_session *sessions = NULL;
	ssize_t count;

	if (geteuid() != 0)
		return -1;
	if ((count = registry_list(&sessions)) == -1)
		fprintf(stderr, STATUS_COMMAND ": the sessions can't be listed: %s\n", strerror(errno));
	free(sessions);
	return count;
}

void
status_count(const char *config_file, struct host_status *status)
{
	struct config config;

	status->users = -1;
	status->sessions = count_sessions();
	if (local_store_config(STATUS_COMMAND, config_file, &config) == 0 && config.server_id != NULL) {
		status->users_cached = config_store_is_remote(&config);
		status->users = count_users(&config);
	}
	config_free(&config);
}
