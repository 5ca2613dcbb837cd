/*
 * Opening the store, again and again if need be.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/metrics.h"
#include "agent/remote/remote.h"
#include "agent/store_handle.h"
#include "common/host/daemon_log.h"

#define RETRY_MS 1000
#define LOOK_MS  1000 /* a stat(2) for every lookup would be felt */

static int64_t
now_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* say_reason: a reason that stays the same is said once, not at every attempt. */
static void
say_reason(struct store_handle *handle, const char *reason)
{
	if (strncmp(handle->reason, reason, sizeof(handle->reason) - 1) == 0)
		return;
	snprintf(handle->reason, sizeof(handle->reason), "%s", reason);
	daemon_log(LOG_ERR, "store can't be read, lookups are answered UNAVAILABLE: reason=\"%s\"", reason);
}

/* say_open: also whether the server is there: without it the store has no users for us. */
static void
say_open(struct store_handle *handle, const struct config *config)
{
	struct server_record server = { 0 };
	struct api_error error = { 0 };

	handle->reason[0] = '\0';
	if (store_describe_server(handle->store, config->server_id, &server, &error) != 0) {
		daemon_log(LOG_WARNING, "store opened, but not its server: store=%s server=%s reason=\"%s\"", config->store,
		    config->server_id, error.message);
		return;
	}
	daemon_log(LOG_INFO, "store opened: store=%s server=%s state=%s", config->store, config->server_id,
	    server.online ? "ONLINE" : "OFFLINE");
	record_free_server(&server);
}

/* let_go_when_moved: what the store's name no longer leads to isn't served. */
static void
let_go_when_moved(struct store_handle *handle, const struct config *config, int64_t now)
{
	if (handle->store == NULL || now - handle->looked < LOOK_MS)
		return;
	handle->looked = now;
	if (!store_moved(handle->store))
		return;
	daemon_log(LOG_WARNING, "store was replaced or removed, and is opened anew: store=%s", config->store);
	store_handle_close(handle);
}

struct store *
store_handle_get(struct store_handle *handle, const struct config *config)
{
	struct api_error error = { 0 };
	int64_t now;

	if (handle->remote != NULL)
		return remote_store(handle->remote);
	now = now_ms();
	let_go_when_moved(handle, config, now);
	if (handle->store != NULL)
		return handle->store;
	if (handle->tried != 0 && now - handle->tried < RETRY_MS)
		return NULL;
	handle->tried = now;
	if (config->server_id == NULL) {
		say_reason(handle, "no ServerId in the configuration");
		return NULL;
	}
	if (store_open(config->store, STORE_READ, &handle->store, &error) != 0) {
		handle->store = NULL;
		metrics_add(METRIC_STORE_ERRORS, 1);
		say_reason(handle, error.message);
		return NULL;
	}
	metrics_add(METRIC_STORE_OPENINGS, 1);
	say_open(handle, config);
	return handle->store;
}

void
store_handle_failed(struct store_handle *handle, const struct api_error *error)
{
	if (handle->remote != NULL) {
		remote_store_failed(handle->remote, error);
		return;
	}
	metrics_add(METRIC_STORE_ERRORS, 1);
	/* One record that can't be read is that record's trouble: the store stays. */
	if (error->code != API_UNAVAILABLE) {
		daemon_log_limited(error->message, LOG_ERR, "record can't be read: reason=\"%s\"", error->message);
		return;
	}
	say_reason(handle, error->message);
	store_close(handle->store);
	handle->store = NULL;
}

void
store_handle_close(struct store_handle *handle)
{
	store_close(handle->store);
	*handle = (struct store_handle){ .remote = handle->remote };
}
