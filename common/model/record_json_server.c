#include "common/model/record_json.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/host_key.h"
#include "common/model/operations.h"

/* What DescribeServer echoes of CreateServer, in the model's order around our own members. */
static const char *const SETTINGS_FIRST[] = { "Domain", "EndpointType", NULL };
static const char *const SETTINGS_BEFORE_ID[] = { "IdentityProviderType", "LoggingRole", "PostAuthenticationLoginBanner",
	"PreAuthenticationLoginBanner", "Protocols", "SecurityPolicyName", NULL };
static const char *const SETTINGS_AFTER_COUNT[] = { "StructuredLogDestinations", NULL };
static const char *const *const SETTINGS[] = { SETTINGS_FIRST, SETTINGS_BEFORE_ID, SETTINGS_AFTER_COUNT };
static const char *const SETTINGS_LISTED[] = { "Domain", "IdentityProviderType", "EndpointType", "LoggingRole", NULL };

#define SETTINGS_COUNT (sizeof(SETTINGS) / sizeof(*SETTINGS))

static bool
add_settings(cJSON *object, const cJSON *settings, const char *const *names)
{
	const cJSON *member;

	for (; *names != NULL; names++) {
		member = record_json_member(settings, *names);
		/* An empty string is as good as none. */
		if (cJSON_IsString(member) && member->valuestring[0] == '\0')
			continue;
		if (member != NULL && !record_json_add_item(object, *names, cJSON_Duplicate(member, 1)))
			return false;
	}
	return true;
}

/* The settings come from the store: they may be anything. */
static cJSON *
parse_settings(const struct server_record *server, struct api_error *error)
{
	cJSON *settings = operation_parse(server->settings, strlen(server->settings), error);

	if (cJSON_IsObject(settings))
		return settings;
	if (settings == NULL && error->code == API_UNAVAILABLE)
		return NULL;
	cJSON_Delete(settings);
	api_fail(error, API_INTERNAL, "The store's settings of server %s are no JSON object: was the file edited?",
	    server->server_id);
	return NULL;
}

/* What the service itself shows of a server that was made without these. */
static bool
add_defaults(cJSON *settings)
{
	static const char *const DEFAULTS[][2] = {
		{ "Domain", "S3" }, { "EndpointType", "PUBLIC" }, { "IdentityProviderType", "SERVICE_MANAGED" },
	};
	size_t i;

	for (i = 0; i < sizeof(DEFAULTS) / sizeof(*DEFAULTS); i++)
		if (record_json_member(settings, DEFAULTS[i][0]) == NULL &&
		    !record_json_add_string(settings, DEFAULTS[i][0], DEFAULTS[i][1]))
			return false;
	if (record_json_member(settings, "Protocols") != NULL)
		return true;
	return record_json_add_item(settings, "Protocols", cJSON_CreateStringArray((const char *[]){ "SFTP" }, 1));
}

int
record_json_read_server(const cJSON *request, struct server_record *server, struct api_error *error)
{
	cJSON *settings = cJSON_CreateObject();
	bool well = settings != NULL;
	size_t i;

	for (i = 0; i < SETTINGS_COUNT && well; i++)
		well = add_settings(settings, request, SETTINGS[i]);
	if (well && add_defaults(settings))
		server->settings = cJSON_PrintUnformatted(settings);
	cJSON_Delete(settings);
	if (server->settings == NULL)
		return api_fail_memory(error);
	return record_json_read_tags(request, &server->tags, &server->tag_count, error);
}

/* Takes out of the settings what the request has of these, be it another value or an empty one. */
static void
drop_given(cJSON *settings, const cJSON *request, const char *const *names)
{
	for (; *names != NULL; names++)
		if (record_json_member(request, *names) != NULL)
			cJSON_DeleteItemFromObjectCaseSensitive(settings, *names);
}

int
record_json_change_server(const cJSON *request, struct server_record *server, struct api_error *error)
{
	cJSON *settings = parse_settings(server, error);
	char *text = NULL;
	bool well = true;
	size_t i;

	if (settings == NULL)
		return -1;
	for (i = 0; i < SETTINGS_COUNT && well; i++) {
		drop_given(settings, request, SETTINGS[i]);
		well = add_settings(settings, request, SETTINGS[i]);
	}
	if (well && add_defaults(settings))
		text = cJSON_PrintUnformatted(settings);
	cJSON_Delete(settings);
	if (text == NULL)
		return api_fail_memory(error);
	free(server->settings);
	server->settings = text;
	return 0;
}

/* A server as DescribeServer shows it (whole), or as an item of a list. */
static cJSON *
write_server(const struct server_record *server, bool whole, const struct config *config, struct api_error *error)
{
	cJSON *settings = parse_settings(server, error), *object;
	char fingerprint[FINGERPRINT_MAX + 2] = "";
	bool well;

	if (settings == NULL)
		return NULL;
	if (whole)
		host_key_fingerprint(config, fingerprint);
	object = cJSON_CreateObject();
	well = object != NULL && record_json_add_arn(object, config, server->server_id, NULL) &&
	    add_settings(object, settings, whole ? SETTINGS_FIRST : SETTINGS_LISTED) &&
	    record_json_add_string(object, "HostKeyFingerprint", fingerprint[0] == '\0' ? NULL : fingerprint) &&
	    (!whole || add_settings(object, settings, SETTINGS_BEFORE_ID)) &&
	    record_json_add_string(object, "ServerId", server->server_id) &&
	    record_json_add_string(object, "State", server->online ? "ONLINE" : "OFFLINE") &&
	    (!whole || server->tag_count == 0 ||
	    record_json_add_item(object, "Tags", record_json_tags(server->tags, server->tag_count))) &&
	    record_json_add_number(object, "UserCount", (double)server->user_count) &&
	    (!whole || add_settings(object, settings, SETTINGS_AFTER_COUNT));
	cJSON_Delete(settings);
	return record_json_finish(object, well, error);
}

cJSON *
record_json_described_server(const struct server_record *server, const struct config *config, struct api_error *error)
{
	return write_server(server, true, config, error);
}

cJSON *
record_json_listed_server(const struct server_record *server, const struct config *config, struct api_error *error)
{
	return write_server(server, false, config, error);
}
