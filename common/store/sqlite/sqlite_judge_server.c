/* One server, read part by part and judged as the model judges what is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/shapes.h"
#include "common/store/sqlite/sqlite_check.h"

#define DROP_SERVER   "the server is dropped, and its users"
#define MAKE_OFFLINE  "the server is OFFLINE until it is started"
#define MAKE_DEFAULTS "its settings are the defaults"

#define SETTINGS_MAX (256u * 1024)

static void
add_server(struct check *check, int64_t server_key, const char *server_id)
{
	struct check_server *servers = reallocarray(check->servers, check->server_count + 1, sizeof(*servers));

	if (servers == NULL) {
		check->failed = true;
		api_fail_memory(check->error);
		return;
	}
	check->servers = servers;
	servers[check->server_count].key = server_key;
	snprintf(servers[check->server_count++].id, sizeof(servers->id), "%s", server_id);
	check->findings->servers++;
}

static bool
is_known(const struct check *check, const char *server_id)
{
	size_t i;

	for (i = 0; i < check->server_count; i++)
		if (strcmp(check->servers[i].id, server_id) == 0)
			return true;
	return false;
}

static void
rescue_server(struct check *check, int64_t server_key, const struct server_record *server)
{
	bool known = is_known(check, server->server_id);

	if (known)
		check_fault(check, "ServerId", "its users become the first one's", "another server has this id");
	if (check->failed)
		return;
	if (!known && check->rescue != NULL && store_create_server(check->rescue, server, check->error) == -1)
		check->failed = true;
	else
		add_server(check, server_key, server->server_id);
}

static int
make_defaults(struct check *check, struct server_record *server)
{
	cJSON *nothing = cJSON_CreateObject();
	int result;

	free(server->settings);
	server->settings = NULL;
	result = nothing == NULL ? api_fail_memory(check->error) : record_json_read_server(nothing, server, check->error);
	cJSON_Delete(nothing);
	if (result == -1)
		check->failed = true;
	return result;
}

static int
judge_settings(const char *settings, struct api_error *why)
{
	cJSON *parsed = operation_parse(settings, strlen(settings), why);
	int result = -1;

	if (parsed != NULL && !cJSON_IsObject(parsed))
		api_fail(why, API_INTERNAL, "no JSON object");
	else if (parsed != NULL && shapes_check(shapes_request("CreateServer"), parsed, why) == 0)
		result = rules_check_server(parsed, why);
	cJSON_Delete(parsed);
	return result;
}

static void
read_settings(struct check *check, struct sqlite_row *row, struct server_record *server)
{
	struct api_error why = { .code = API_OK };

	server->settings = sqlite_row_dup(row, 2, SETTINGS_MAX);
	if (server->settings == NULL && !row->bad)
		sqlite_row_bad(row, 2, "nothing");
	if (check_column(check, row, "settings", MAKE_DEFAULTS)) {
		if (judge_settings(server->settings, &why) == 0)
			return;
		check_model_fault(check, "settings", MAKE_DEFAULTS, &why);
	}
	make_defaults(check, server);
}

/* Returns whether the server can be kept. */
static bool
read_server(struct check *check, struct sqlite_row *row, struct server_record *server)
{
	const char *state;

	sqlite_row_copy(row, 0, server->server_id, SERVER_ID_LENGTH);
	if (!row->bad && !pattern_server_id(server->server_id))
		sqlite_row_bad(row, 0, "no id of a server");
	if (!check_column(check, row, "ServerId", DROP_SERVER))
		return false;
	check->server_id = server->server_id;
	state = sqlite_row_text(row, 1, 16);
	server->online = state != NULL && strcmp(state, "ONLINE") == 0;
	if (!row->bad && !server->online && (state == NULL || strcmp(state, "OFFLINE") != 0))
		sqlite_row_bad(row, 1, "neither ONLINE nor OFFLINE");
	check_column(check, row, "State", MAKE_OFFLINE);
	read_settings(check, row, server);
	return true;
}

void
check_server(struct check *check, int64_t server_key)
{
	struct sqlite_row row = { .store = &check->source, .error = check->error };
	struct server_record server = { .online = false };
	bool kept = false;
	int got;

	row.statement = check_query(check, CHECK_READ_SERVER,
	    "SELECT server_id, state, settings FROM servers WHERE server_key = ?1", server_key);
	if (row.statement == NULL)
		return;
	got = check_step(check, row.statement);
	if (got == 1)
		kept = read_server(check, &row, &server);
	else if (!check->failed) {
		check->damaged = true;
		check_fault(check, "servers", DROP_SERVER, "the row with key %lld can't be read: %s", (long long)server_key,
		    sqlite3_errmsg(check->source.db));
	}
	sqlite3_reset(row.statement);
	if (kept) {
		check_tags(check, CHECK_SERVER_TAGS,
		    "SELECT position, key, value FROM server_tags WHERE server_key = ?1 ORDER BY position", server_key,
		    &server.tags, &server.tag_count);
		rescue_server(check, server_key, &server);
	}
	check->server_id = NULL;
	record_free_server(&server);
}

void
check_lost_server(struct check *check, int64_t server_key, const char *server_id)
{
	struct server_record server = { .online = false };

	if (!pattern_server_id(server_id))
		return;
	snprintf(server.server_id, sizeof(server.server_id), "%s", server_id);
	check->server_id = server_id;
	check_fault(check, NULL, "it is made again with default settings, and is OFFLINE until it is started",
	    "the row is lost: only the index of ids still knows the server");
	if (make_defaults(check, &server) == 0)
		rescue_server(check, server_key, &server);
	check->server_id = NULL;
	record_free_server(&server);
}
