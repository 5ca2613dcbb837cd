/* The connection to a service, and one call with all its patience. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_cmd/import/import_transfer.h"
#include "common/wire/deadline.h"

#define FETCHERS      8     /* at once, at most */
#define CONNECT_MS    10000
#define CALL_MS       30000
#define FIRST_GET_MS  70000
#define TRIES         4
#define TRY_AGAIN_MS  300   /* doubled each time */

/* Whoever runs the command has the credentials. As root this process becomes another user: then one of the caller's stays
 * behind, and gets them for it. */
static int
get_credentials(struct import_remote *remote, struct credential_options *options, struct api_error *error)
{
	struct credentials credentials;
	int result;

	if (geteuid() == 0) {
		if ((remote->keeper = import_keeper_start(options)) == NULL)
			return api_fail(error, API_UNAVAILABLE, "can't make a process: %s", strerror(errno));
		options->source = import_keeper_get;
		options->source_context = remote->keeper;
	}
	remote->chain = credential_chain_new(options);
	if (remote->chain == NULL)
		return api_fail_memory(error);
	result = credential_chain_get(remote->chain, deadline_after(FIRST_GET_MS), &credentials, error);
	explicit_bzero(&credentials, sizeof(credentials));
	return result;
}

int
import_remote_open(struct import_remote *remote, const struct import_transfer_flags *flags, const struct config *config)
{
	const char *region = flags->region == NULL ? config->region : flags->region;
	struct credential_options credentials = { .profile = flags->profile, .region = region };
	struct transfer_options options = {
		.url = flags->url, .region = region, .ca_file = flags->ca_file, .connect_ms = CONNECT_MS, .call_ms = CALL_MS,
		.throttled_at_once = true,
		.ca_name = "--ca-bundle",
	};
	struct api_error error;

	memset(remote, 0, sizeof(*remote));
	if (flags->url[0] == '\0')
		snprintf(remote->name, sizeof(remote->name), "AWS Transfer in %s", region);
	else
		snprintf(remote->name, sizeof(remote->name), "%s", flags->url);
	if (import_pace_start(&remote->pace, FETCHERS) == -1) {
		fputs("berth import: no memory\n", stderr);
		return -1;
	}
	if (get_credentials(remote, &credentials, &error) == 0 &&
	    transfer_remote_new(&options, remote->chain, &remote->remote, &error) == 0)
		return 0;
	fprintf(stderr, "berth import: %s\n", error.message);
	import_remote_close(remote);
	return -1;
}

void
import_remote_close(struct import_remote *remote)
{
	transfer_remote_free(remote->remote);
	import_keeper_stop(remote->keeper);
	credential_chain_free(remote->chain);
	import_keeper_free(remote->keeper);
	import_pace_free(&remote->pace);
}

cJSON *
import_remote_request(const char *server_id, const char *user_name)
{
	cJSON *request = cJSON_CreateObject();

	if (request != NULL && (server_id == NULL || cJSON_AddStringToObject(request, "ServerId", server_id) != NULL) &&
	    (user_name == NULL || cJSON_AddStringToObject(request, "UserName", user_name) != NULL))
		return request;
	cJSON_Delete(request);
	return NULL;
}

static void
pause_before(int try)
{
	long milliseconds = (long)TRY_AGAIN_MS << (try - 1);
	const struct timespec pause = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* One request when the pace allows it. */
static int
ask_once(struct import_remote *remote, struct store *store, const char *operation, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	enum import_pace_outcome outcome = PACE_ANSWERED;
	uint64_t ticket;
	int result;

	if (!import_pace_enter(&remote->pace, &ticket))
		return 1;
	*response = NULL;
	result = store_call(store, operation, request, response, error);
	if (result == -1)
		outcome = error->code == API_THROTTLING ? PACE_THROTTLED : PACE_OTHER;
	import_pace_leave(&remote->pace, ticket, outcome, result == -1 ? error->retry_after : 0);
	if (result == 0 && cJSON_IsObject(*response))
		return 0;
	cJSON_Delete(*response);
	*response = NULL;
	return result == -1 ? -1 : api_fail(error, API_UNAVAILABLE, "%s answers %s with no JSON object", remote->name,
	    operation);
}

int
import_remote_ask(struct import_remote *remote, struct store *store, const char *operation, const cJSON *request,
    cJSON **response, struct api_error *error)
{
	int try = 1, result;

	*response = NULL;
	if (request == NULL)
		return api_fail_memory(error);
	for (;;) {
		result = ask_once(remote, store, operation, request, response, error);
		if (result != -1 || (error->code != API_THROTTLING && error->code != API_UNAVAILABLE))
			return result;
		if (error->code == API_THROTTLING)
			continue;
		if (try == TRIES)
			return -1;
		pause_before(try++);
	}
}
