/* A server's record from elsewhere. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/store/transfer/transfer_call.h"

#define SETTINGS_MAX 65536
#define COUNT_MAX    1e15

/* What DescribeServer shows of the settings is whatever isn't one of the record's own members. */
static char *
write_settings(const cJSON *object)
{
	static const char *const OWN[] = { "Arn", "HostKeyFingerprint", "ServerId", "State", "Tags", "UserCount" };
	cJSON *settings = cJSON_Duplicate(object, 1);
	char *text;

	for (size_t i = 0; i < sizeof(OWN) / sizeof(OWN[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(settings, OWN[i]);
	text = cJSON_PrintUnformatted(settings);
	cJSON_Delete(settings);
	if (text == NULL || strlen(text) <= SETTINGS_MAX)
		return text;
	cJSON_free(text);
	return strdup("{}");
}

/* Tags that are none are left out: nothing depends on a server's. */
static int
read_tags(const cJSON *list, struct server_record *server, struct api_error *error)
{
	const cJSON *item;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
		return 0;
	if ((server->tags = calloc(TAGS_MAX, sizeof(*server->tags))) == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(item, list) {
		const char *key = record_json_string(item, "Key"), *value = record_json_string(item, "Value");
		struct tag *tag;

		if (key == NULL || value == NULL || server->tag_count == TAGS_MAX)
			continue;
		tag = &server->tags[server->tag_count++];
		tag->key = strdup(key);
		tag->value = strdup(value);
		if (tag->key == NULL || tag->value == NULL)
			return api_fail_memory(error);
	}
	return 0;
}

int
transfer_read_server(const char *server_id, const cJSON *object, struct server_record *server, struct api_error *error)
{
	const char *id = record_json_string(object, "ServerId"), *state = record_json_string(object, "State");
	double count;

	memset(server, 0, sizeof(*server));
	if (id == NULL || state == NULL || !pattern_server_id(id) || (server_id != NULL && strcmp(id, server_id) != 0))
		return api_fail(error, API_UNAVAILABLE, "The answer isn't about server %.19s, or doesn't say its State",
		    server_id == NULL ? "s-…" : server_id);
	snprintf(server->server_id, sizeof(server->server_id), "%s", id);
	/* STARTING, STOPPING, STOP_FAILED …: not, or not any more, or nobody knows. */
	server->online = strcmp(state, "ONLINE") == 0;
	if (transfer_read_whole(record_json_member(object, "UserCount"), COUNT_MAX, &count))
		server->user_count = (size_t)count;
	server->settings = write_settings(object);
	if (server->settings != NULL && read_tags(record_json_member(object, "Tags"), server, error) == 0)
		return 0;
	record_free_server(server);
	memset(server, 0, sizeof(*server));
	return api_fail_memory(error);
}
