#include <string.h>

#include "common/model/keys.h"
#include "common/store/sqlite/sqlite_store.h"

#define LOGIN_COLUMNS "SELECT user_name, uid, gid, home_directory_type, home_directory FROM users "
#define OF_SERVER "server_key = (SELECT server_key FROM servers WHERE server_id = ?1) "

static int
read_login(struct sqlite_store *store, sqlite3_stmt *statement, struct store_login *login, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };

	memset(login, 0, sizeof(*login));
	sqlite_row_copy(&row, 0, login->user_name, USER_NAME_MAX);
	login->has_profile = sqlite_row_has(&row, 1) || sqlite_row_has(&row, 2);
	login->uid = login->has_profile ? sqlite_row_u32(&row, 1) : ID_NONE;
	login->gid = login->has_profile ? sqlite_row_u32(&row, 2) : ID_NONE;
	login->home_type = sqlite_row_home_type(&row, 3);
	sqlite_row_copy(&row, 4, login->home_directory, PATH_BYTES_MAX);
	return row.bad ? -1 : 1;
}

static int
find_login(struct sqlite_store *store, sqlite3_stmt *statement, struct store_login *login, struct api_error *error)
{
	int got;

	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	if (got == 1)
		got = read_login(store, statement, login, error);
	sqlite3_reset(statement);
	return got;
}

int
sqlite_find_by_name(struct store *base, const char *server_id, const char *user_name, struct store_login *login,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	sqlite3_stmt *statement;

	statement = sqlite_query(store, STATEMENT_FIND_BY_NAME, LOGIN_COLUMNS "WHERE " OF_SERVER "AND user_name = ?2", error,
	    "tt", server_id, user_name);
	return find_login(store, statement, login, error);
}

int
sqlite_find_by_uid(struct store *base, const char *server_id, uint32_t uid, struct store_login *login,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	sqlite3_stmt *statement;

	statement = sqlite_query(store, STATEMENT_FIND_BY_UID,
	    LOGIN_COLUMNS "WHERE " OF_SERVER "AND uid = ?2 ORDER BY user_name LIMIT 1", error, "ti", server_id,
	    (int64_t)uid);
	return find_login(store, statement, login, error);
}

int
sqlite_find_server(struct store *base, const char *server_id, bool *online, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	sqlite3_stmt *statement;
	int got;

	statement = sqlite_query(store, STATEMENT_FIND_SERVER,
	    "SELECT state = 'ONLINE' FROM servers WHERE server_id = ?1", error, "t", server_id);
	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	*online = got == 1 && sqlite3_column_int(statement, 0) == 1;
	sqlite3_reset(statement);
	return got;
}

int
sqlite_find_gid(struct store *base, const char *server_id, uint32_t gid, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	return sqlite_has(store, STATEMENT_FIND_GID,
	    "SELECT 1 FROM users WHERE " OF_SERVER "AND gid = ?2 "
	    "UNION ALL SELECT 1 FROM secondary_gids WHERE " OF_SERVER "AND gid = ?2 LIMIT 1",
	    error, "ti", server_id, (int64_t)gid);
}

int
sqlite_read_gids(struct sqlite_store *store, sqlite3_stmt *statement, uint32_t *gids, size_t *count,
    struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };
	int got;

	*count = 0;
	if (statement == NULL)
		return -1;
	while (!row.bad && (got = sqlite_step(store, statement, error)) == 1) {
		if (*count == SECONDARY_GIDS_MAX)
			sqlite_row_bad(&row, 0, "more secondary gids than a record may have");
		else
			gids[(*count)++] = sqlite_row_u32(&row, 0);
	}
	sqlite3_reset(statement);
	if (got == 0)
		return 0;
	*count = 0;
	return -1;
}

int
sqlite_secondary_gids(struct store *base, const char *server_id, const char *user_name, uint32_t *gids, size_t *count,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	sqlite3_stmt *statement;

	statement = sqlite_query(store, STATEMENT_FIND_SECONDARY_GIDS,
	    "SELECT gid FROM secondary_gids WHERE user_key = "
	    "(SELECT user_key FROM users WHERE " OF_SERVER "AND user_name = ?2) ORDER BY position",
	    error, "tt", server_id, user_name);
	return sqlite_read_gids(store, statement, gids, count, error);
}

int
sqlite_find_keys(struct store *base, const char *server_id, const char *user_name, const char *type, const char *base64,
    store_visit_key *visit, void *context, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	const char *found_type, *found_base64;
	struct sqlite_row row = { .store = store, .error = error };
	size_t count = 0;
	int got;

	row.statement = sqlite_query(store, STATEMENT_FIND_KEYS,
	    "SELECT type, base64 FROM ssh_keys WHERE user_key = "
	    "(SELECT user_key FROM users WHERE " OF_SERVER "AND user_name = ?2) "
	    "AND (?3 IS NULL OR (type = ?3 AND base64 = ?4)) ORDER BY position",
	    error, "tttt", server_id, user_name, type, base64);
	if (row.statement == NULL)
		return -1;
	while ((got = sqlite_step(store, row.statement, error)) == 1) {
		found_type = sqlite_row_text(&row, 0, KEY_TYPE_MAX);
		found_base64 = sqlite_row_text(&row, 1, KEY_BASE64_MAX);
		if (!row.bad && !keys_type_known(found_type))
			sqlite_row_bad(&row, 0, "no type of key that Berth knows");
		if (!row.bad && !keys_is_base64(found_base64))
			sqlite_row_bad(&row, 1, "something else than base64");
		if (++count > USER_KEYS_MAX)
			sqlite_row_bad(&row, 1, "more keys than a user may have");
		if (row.bad || visit(context, found_type, found_base64) != 0)
			break;
	}
	sqlite3_reset(row.statement);
	return got == -1 || row.bad ? -1 : 0;
}
