#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

/* More than CreateServer's settings can take. */
#define SETTINGS_MAX (256u * 1024)

#define SERVER_COLUMNS \
	"SELECT server_id, state, settings, (SELECT count(*) FROM users u WHERE u.server_key = s.server_key), server_key " \
	"FROM servers s "

int64_t
sqlite_server_key(struct sqlite_store *store, const char *server_id, struct api_error *error)
{
	sqlite3_stmt *statement;
	int64_t key = -1;
	int got;

	statement = sqlite_query(store, STATEMENT_SERVER_KEY, "SELECT server_key FROM servers WHERE server_id = ?1", error,
	    "t", server_id);
	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	if (got == 1)
		key = sqlite3_column_int64(statement, 0);
	else if (got == 0)
		api_fail_resource(error, API_NOT_FOUND, "Server", server_id);
	sqlite3_reset(statement);
	return key;
}

static int
insert_server(struct sqlite_store *store, const struct server_record *server, struct api_error *error)
{
	int64_t key;

	if (sqlite_run(store, STATEMENT_INSERT_SERVER,
	        "INSERT INTO servers (server_id, state, settings) VALUES (?1, ?2, ?3)", error, "ttt", server->server_id,
	        server->online ? "ONLINE" : "OFFLINE", server->settings) == -1) {
		if (sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_UNIQUE)
			api_fail_resource(error, API_EXISTS, "Server", server->server_id);
		return -1;
	}
	key = sqlite3_last_insert_rowid(store->db);
	return sqlite_insert_server_tags(store, key, server->tags, server->tag_count, error);
}

int
sqlite_create_server(struct store *base, const struct server_record *server, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, insert_server(store, server, error), error);
}

static int
read_server(struct sqlite_store *store, sqlite3_stmt *statement, struct server_record *server, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };
	const char *state;

	sqlite_row_copy(&row, 0, server->server_id, SERVER_ID_LENGTH);
	state = sqlite_row_text(&row, 1, 16);
	server->online = state != NULL && strcmp(state, "ONLINE") == 0;
	server->settings = sqlite_row_dup(&row, 2, SETTINGS_MAX);
	if (server->settings == NULL)
		sqlite_row_bad(&row, 2, "nothing");
	server->user_count = (size_t)sqlite3_column_int64(statement, 3);
	return row.bad ? -1 : 0;
}

static int
describe_server(struct sqlite_store *store, const char *server_id, struct server_record *server, struct api_error *error)
{
	sqlite3_stmt *statement;
	int64_t key;
	int got;

	statement = sqlite_query(store, STATEMENT_READ_SERVER, SERVER_COLUMNS "WHERE server_id = ?1", error, "t", server_id);
	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	key = sqlite3_column_int64(statement, 4);
	if (got == 0)
		got = api_fail_resource(error, API_NOT_FOUND, "Server", server_id);
	else if (got == 1)
		got = read_server(store, statement, server, error);
	sqlite3_reset(statement);
	if (got == -1)
		return -1;
	return sqlite_read_server_tags(store, key, &server->tags, &server->tag_count, error);
}

int
sqlite_describe_server(struct store *base, const char *server_id, struct server_record *server, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int result;

	memset(server, 0, sizeof(*server));
	if (sqlite_begin_read(store, error) == -1)
		return -1;
	result = sqlite_finish(store, describe_server(store, server_id, server, error), error);
	if (result == -1)
		record_free_server(server);
	return result;
}

int
sqlite_list_servers(struct store *base, const char *after, size_t limit, store_visit_server *visit, void *context,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct server_record server;
	sqlite3_stmt *statement;
	bool stopped = false;
	int got;

	statement = sqlite_query(store, STATEMENT_LIST_SERVERS,
	    SERVER_COLUMNS "WHERE server_id > ?1 ORDER BY server_id LIMIT ?2", error, "ti", after == NULL ? "" : after,
	    (int64_t)limit);
	if (statement == NULL)
		return -1;
	while (!stopped && (got = sqlite_step(store, statement, error)) == 1) {
		memset(&server, 0, sizeof(server));
		got = read_server(store, statement, &server, error);
		stopped = got == -1 || visit(context, &server) != 0;
		record_free_server(&server);
	}
	sqlite3_reset(statement);
	return got;
}

static int
update_server(struct sqlite_store *store, const char *server_id, store_merge_server *merge, const void *context,
    struct api_error *error)
{
	struct server_record server = { 0 };
	int result = -1;

	if (describe_server(store, server_id, &server, error) == 0 && merge(context, &server, error) == 0)
		result = sqlite_run(store, STATEMENT_UPDATE_SERVER,
		    "UPDATE servers SET state = ?2, settings = ?3 WHERE server_id = ?1", error, "ttt", server_id,
		    server.online ? "ONLINE" : "OFFLINE", server.settings);
	record_free_server(&server);
	return result;
}

int
sqlite_update_server(struct store *base, const char *server_id, store_merge_server *merge, const void *context,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, update_server(store, server_id, merge, context, error), error);
}

/* 0 when the server has no users; -1 with *error. */
static int
check_no_users(struct sqlite_store *store, int64_t server_key, const char *server_id, struct api_error *error)
{
	int got = sqlite_has(store, STATEMENT_HAS_USERS, "SELECT 1 FROM users WHERE server_key = ?1 LIMIT 1", error, "i",
	    server_key);

	if (got == 1)
		return api_fail(error, API_INVALID_REQUEST, "ServerId: %s still has users; delete them first", server_id);
	return got;
}

static int
delete_server(struct sqlite_store *store, const char *server_id, bool with_users, struct api_error *error)
{
	int64_t key = sqlite_server_key(store, server_id, error);

	if (key == -1)
		return -1;
	if (!with_users && check_no_users(store, key, server_id, error) == -1)
		return -1;
	if (with_users &&
	    sqlite_run(store, STATEMENT_DELETE_USERS, "DELETE FROM users WHERE server_key = ?1", error, "i", key) == -1)
		return -1;
	return sqlite_run(store, STATEMENT_DELETE_SERVER, "DELETE FROM servers WHERE server_key = ?1", error, "i", key);
}

int
sqlite_delete_server(struct store *base, const char *server_id, bool with_users, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, delete_server(store, server_id, with_users, error), error);
}
