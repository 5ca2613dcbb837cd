#include "api_server/authorize.h"

#include <string.h>
#include <time.h>

#include "common/model/arn.h"
#include "common/model/record_json.h"
#include "common/model/shapes.h"
#include "common/wire/deadline.h"

/* refuse_client: the same words whether the key isn't there or is disabled. */
static int
refuse_client(struct api_error *error)
{
	return api_fail(error, API_UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.");
}

/* find_key: as its file has it now. */
static int
find_key(struct caller *caller, const struct settings *settings, struct key_rings *rings, struct api_error *error)
{
	const struct access_key *key;

	authorize_release(caller);
	caller->ring = key_ring_take(rings, settings->config.api_keys_file, error);
	if (caller->ring == NULL)
		return -1;
	key = key_ring_find(caller->ring, caller->authorization.key_id);
	if (key == NULL || !key->enabled)
		return refuse_client(error);
	caller->key = key;
	return 0;
}

int
authorize_headers(struct caller *caller, const struct sigv4_request *request, const struct settings *settings,
    struct key_rings *rings, struct api_error *error)
{
	if (sigv4_read(request, &settings->scope, time(NULL), &caller->authorization, error) != 0)
		return -1;
	return find_key(caller, settings, rings, error);
}

int
authorize_body(struct caller *caller, const struct sigv4_request *request, const struct settings *settings,
    struct key_rings *rings, const unsigned char body_hash[SIGV4_HASH], struct rate *rate, struct api_error *error)
{
	const struct access_key *key;
	unsigned char signing_key[SIGV4_HASH];
	unsigned seconds;
	int result;

	if (find_key(caller, settings, rings, error) != 0)
		return -1;
	key = caller->key;
	if (key_ring_signing_key(caller->ring, key, caller->authorization.date, &settings->scope, signing_key, error) != 0)
		return -1;
	result = sigv4_verify(request, &caller->authorization, &settings->scope, signing_key, body_hash, error);
	explicit_bzero(signing_key, sizeof(signing_key));
	if (result != 0)
		return -1;
	caller->authenticated = true;
	seconds = rate_take(rate, key->id, key->has_rate ? key->rate : settings->config.api_rate, deadline_now());
	return seconds == 0 ? 0 : api_fail_throttled(error, seconds);
}

int
authorize_operation(const struct caller *caller, const char *operation, struct api_error *error)
{
	return access_key_permits_operation(caller->key, operation, error);
}

/*
 * server_of: which server the request is about, "" when it doesn't say. By the members that the operation has: one that it
 * doesn't know, it passes over, and so CreateServer with a ServerId is about none.
 */
static int
server_of(const char *operation, const cJSON *request, const struct config *config, struct arn *arn, struct api_error *error)
{
	const char *text;

	memset(arn, 0, sizeof(*arn));
	if (shapes_has_member(operation, "Arn")) {
		text = record_json_string(request, "Arn");
		return text != NULL ? arn_parse(config, text, arn, error) : 0;
	}
	text = shapes_has_member(operation, "ServerId") ? record_json_string(request, "ServerId") : NULL;
	if (text != NULL && strlen(text) < sizeof(arn->server_id))
		strcpy(arn->server_id, text);
	return 0;
}

int
authorize_call(const struct caller *caller, const char *operation, const cJSON *request, const struct config *config,
    struct api_error *error)
{
	struct arn arn;

	/* Of a key for all servers, the operation alone judges what the request says. */
	if (caller->key->server_count == 0)
		return 0;
	if (server_of(operation, request, config, &arn, error) != 0)
		return -1;
	return access_key_permits(caller->key, operation, arn.server_id[0] != '\0' ? arn.server_id : NULL, error);
}

void
authorize_release(struct caller *caller)
{
	key_ring_release(caller->ring);
	caller->ring = NULL;
	caller->key = NULL;
}
