#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

/* Limits of what is read back: the shapes' lengths, and a little more than all of a user's mappings may take. */
#define ROLE_MAX       (2048u * TEXT_CHARACTER_MAX)
#define POLICY_MAX     (2048u * TEXT_CHARACTER_MAX)
#define MAPPINGS_BYTES (9u * 1024 * 1024)

#define THIS_USER "WHERE server_key = (SELECT server_key FROM servers WHERE server_id = ?1) AND user_name = ?2"

/* Which of the two is unknown? */
static void
unknown_user(struct sqlite_store *store, const char *server_id, const char *user_name, struct api_error *error)
{
	if (sqlite_server_key(store, server_id, error) != -1)
		api_fail_resource(error, API_NOT_FOUND, "User", user_name);
}

int64_t
sqlite_user_key(struct sqlite_store *store, const char *server_id, const char *user_name, struct api_error *error)
{
	sqlite3_stmt *statement;
	int64_t key = -1;
	int got;

	statement = sqlite_query(store, STATEMENT_USER_KEY, "SELECT user_key FROM users " THIS_USER, error, "tt", server_id,
	    user_name);
	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	if (got == 1)
		key = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (got == 0)
		unknown_user(store, server_id, user_name, error);
	return key;
}

static int
insert_secondary_gids(struct sqlite_store *store, int64_t server_key, int64_t user_key, const struct user_record *user,
    struct api_error *error)
{
	size_t i;

	for (i = 0; user->has_profile && i < user->profile.secondary_gid_count; i++)
		if (sqlite_run(store, STATEMENT_INSERT_SECONDARY_GID,
		        "INSERT INTO secondary_gids (user_key, position, server_key, gid) "
		        "VALUES (?1, ?2, ?3, ?4)",
		        error, "iiii", user_key, (int64_t)i, server_key, (int64_t)user->profile.secondary_gids[i]) == -1)
			return -1;
	return 0;
}

#define ROW_COLUMNS "home_directory_type, home_directory, role, policy, mappings, has_secondary_gids, uid, gid"

/* The row's columns but its keys: rewritten, or inserted when user_key is 0. */
static int
write_row(struct sqlite_store *store, int64_t server_key, int64_t user_key, const struct user_record *user,
    struct api_error *error)
{
	const char *type = record_home_type_name(user->home_type);
	int64_t has_gids = user->has_profile && user->profile.has_secondary_gids;
	int64_t uid = user->profile.uid, gid = user->profile.gid;
	char *mappings = NULL;
	int result;

	if (user->mapping_count > 0 && (mappings = record_json_write_mappings(user->mappings, user->mapping_count)) == NULL)
		return api_fail_memory(error);
	if (user_key == 0)
		result = sqlite_run(store, STATEMENT_INSERT_USER,
		    "INSERT INTO users (server_key, user_name, " ROW_COLUMNS ") "
		    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		    error, user->has_profile ? "ittttttiii" : "ittttttinn", server_key, user->user_name, type,
		    user->home_directory, user->role, user->policy, mappings, has_gids, uid, gid);
	else
		result = sqlite_run(store, STATEMENT_UPDATE_USER,
		    "UPDATE users SET (" ROW_COLUMNS ") = "
		    "(?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) WHERE user_key = ?1",
		    error, user->has_profile ? "itttttiii" : "itttttinn", user_key, type, user->home_directory, user->role,
		    user->policy, mappings, has_gids, uid, gid);
	cJSON_free(mappings);
	return result;
}

/* What stands in tables of its own. */
static int
insert_lists(struct sqlite_store *store, int64_t server_key, int64_t user_key, const struct user_record *user,
    struct api_error *error)
{
	if (insert_secondary_gids(store, server_key, user_key, user, error) == -1 ||
	    sqlite_insert_keys(store, user_key, user, error) == -1)
		return -1;
	return sqlite_insert_user_tags(store, user_key, user->tags, user->tag_count, error);
}

static int
delete_secondary_gids(struct sqlite_store *store, int64_t user_key, struct api_error *error)
{
	return sqlite_run(store, STATEMENT_DELETE_SECONDARY_GIDS, "DELETE FROM secondary_gids WHERE user_key = ?1", error,
	    "i", user_key);
}

static int
insert_user(struct sqlite_store *store, const struct user_record *user, struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, user->server_id, error), user_key;

	if (server_key == -1)
		return -1;
	if (write_row(store, server_key, 0, user, error) == -1) {
		if (sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_UNIQUE)
			api_fail_resource(error, API_EXISTS, "User", user->user_name);
		return -1;
	}
	user_key = sqlite3_last_insert_rowid(store->db);
	return insert_lists(store, server_key, user_key, user, error);
}

int
sqlite_create_user(struct store *base, const struct user_record *user, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, insert_user(store, user, error), error);
}

static int
replace_user(struct sqlite_store *store, const struct user_record *user, struct api_error *error)
{
	int64_t user_key = sqlite_user_key(store, user->server_id, user->user_name, error), server_key;

	if (user_key == -1)
		return -1;
	server_key = sqlite_server_key(store, user->server_id, error);
	if (server_key == -1 || write_row(store, server_key, user_key, user, error) == -1 ||
	    delete_secondary_gids(store, user_key, error) == -1 ||
	    sqlite_delete_keys(store, user_key, error) == -1 ||
	    sqlite_delete_user_tags(store, user_key, error) == -1)
		return -1;
	return insert_lists(store, server_key, user_key, user, error);
}

int
sqlite_replace_user(struct store *base, const struct user_record *user, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, replace_user(store, user, error), error);
}

static int
read_user_row(struct sqlite_row *row, struct user_record *user)
{
	struct api_error why;
	const char *mappings;

	sqlite_row_copy(row, 1, user->server_id, SERVER_ID_LENGTH);
	sqlite_row_copy(row, 2, user->user_name, USER_NAME_MAX);
	user->home_type = sqlite_row_home_type(row, 3);
	user->home_directory = sqlite_row_dup(row, 4, PATH_BYTES_MAX);
	user->role = sqlite_row_dup(row, 5, ROLE_MAX);
	user->policy = sqlite_row_dup(row, 6, POLICY_MAX);
	user->profile.has_secondary_gids = sqlite3_column_int64(row->statement, 8) != 0;
	user->has_profile = sqlite_row_has(row, 9) || sqlite_row_has(row, 10);
	if (user->has_profile) {
		user->profile.uid = sqlite_row_u32(row, 9);
		user->profile.gid = sqlite_row_u32(row, 10);
	}
	mappings = sqlite_row_text(row, 7, MAPPINGS_BYTES);
	if (mappings != NULL &&
	    record_json_read_mappings(mappings, strlen(mappings), &user->mappings, &user->mapping_count, &why) == -1) {
		if (why.code == API_UNAVAILABLE)
			sqlite_row_no_memory(row);
		else
			sqlite_row_bad(row, 7, "no list of mappings");
	}
	return row->bad ? -1 : 0;
}

static int
read_gids(struct sqlite_store *store, int64_t user_key, struct posix_profile *profile, struct api_error *error)
{
	sqlite3_stmt *statement = sqlite_query(store, STATEMENT_READ_SECONDARY_GIDS,
	    "SELECT gid FROM secondary_gids WHERE user_key = ?1 ORDER BY position", error, "i", user_key);

	return sqlite_read_gids(store, statement, profile->secondary_gids, &profile->secondary_gid_count, error);
}

#define READ_USER "SELECT user_key, server_id, user_name, " ROW_COLUMNS " FROM users JOIN servers USING (server_key) WHERE "

/* The user of a READ_USER: 1, 0 when there is none, or -1. */
static int
read_user(struct sqlite_store *store, sqlite3_stmt *statement, struct user_record *user, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };
	int64_t user_key = 0;
	int got;

	if (statement == NULL)
		return -1;
	got = sqlite_step(store, statement, error);
	if (got == 1) {
		user_key = sqlite3_column_int64(statement, 0);
		got = read_user_row(&row, user) == 0 ? 1 : -1;
	}
	sqlite3_reset(statement);
	if (got == 1 && (read_gids(store, user_key, &user->profile, error) == -1 ||
	    sqlite_read_keys(store, user_key, user, error) == -1 ||
	    sqlite_read_user_tags(store, user_key, &user->tags, &user->tag_count, error) == -1))
		return -1;
	return got;
}

int
sqlite_read_user(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error)
{
	int got = read_user(store, sqlite_query(store, STATEMENT_READ_USER, READ_USER "user_key = ?1", error, "i", user_key),
	    user, error);

	if (got == 0)
		return api_fail(error, API_INTERNAL, "Store %.1000s: a user is of no server: was the file edited?",
		    store->path);
	return got == 1 ? 0 : -1;
}

static int
describe_user(struct sqlite_store *store, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error)
{
	int got = read_user(store, sqlite_query(store, STATEMENT_DESCRIBE_USER, READ_USER "server_id = ?1 AND user_name = ?2",
	    error, "tt", server_id, user_name), user, error);

	if (got == 0)
		unknown_user(store, server_id, user_name, error);
	return got == 1 ? 0 : -1;
}

int
sqlite_describe_user(struct store *base, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int result;

	memset(user, 0, sizeof(*user));
	if (sqlite_begin_read(store, error) == -1)
		return -1;
	result = sqlite_finish(store, describe_user(store, server_id, user_name, user, error), error);
	if (result == -1)
		record_free_user(user);
	return result;
}

static int
delete_user(struct sqlite_store *store, const char *server_id, const char *user_name, struct api_error *error)
{
	int64_t user_key = sqlite_user_key(store, server_id, user_name, error);

	if (user_key == -1)
		return -1;
	return sqlite_run(store, STATEMENT_DELETE_USER, "DELETE FROM users WHERE user_key = ?1", error, "i", user_key);
}

int
sqlite_delete_user(struct store *base, const char *server_id, const char *user_name, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, delete_user(store, server_id, user_name, error), error);
}

static int
update_user(struct sqlite_store *store, const struct user_change *change, store_merge_user *merge, const void *context,
    struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, change->server_id, error), user_key;
	struct user_record user = { 0 };
	int result = -1;

	if (server_key == -1)
		return -1;
	user_key = sqlite_user_key(store, change->server_id, change->user_name, error);
	if (user_key == -1)
		return -1;
	if (sqlite_read_user(store, user_key, &user, error) == 0 && merge(context, change, &user, error) == 0 &&
	    write_row(store, server_key, user_key, &user, error) == 0 &&
	    delete_secondary_gids(store, user_key, error) == 0 &&
	    insert_secondary_gids(store, server_key, user_key, &user, error) == 0)
		result = 0;
	record_free_user(&user);
	return result;
}

int
sqlite_update_user(struct store *base, const struct user_change *change, store_merge_user *merge, const void *context,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, update_user(store, change, merge, context, error), error);
}
