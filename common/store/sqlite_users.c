#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/store/sqlite_store.h"

/* Limits of what is read back: the shapes' lengths, and a little more than all of a user's mappings may take. */
#define ROLE_MAX       (2048u * TEXT_CHARACTER_MAX)
#define POLICY_MAX     (2048u * TEXT_CHARACTER_MAX)
#define KEY_BODY_MAX   (2048u * TEXT_CHARACTER_MAX)
#define MAPPINGS_BYTES (9u * 1024 * 1024)

#define THIS_USER "WHERE server_key = (SELECT server_key FROM servers WHERE server_id = ?1) AND user_name = ?2"

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
	/* Which of the two is unknown? */
	if (got == 0 && sqlite_server_key(store, server_id, error) != -1)
		api_fail_resource(error, API_NOT_FOUND, "User", user_name);
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

static int
insert_key(struct sqlite_store *store, int64_t user_key, const struct ssh_key *key, struct api_error *error)
{
	return sqlite_run(store, STATEMENT_INSERT_KEY,
	    "INSERT INTO ssh_keys (user_key, position, key_id, type, base64, body, date_imported) VALUES "
	    "(?1, (SELECT coalesce(max(position) + 1, 0) FROM ssh_keys WHERE user_key = ?1), ?2, ?3, ?4, ?5, ?6)",
	    error, "ittttd", user_key, key->id, key->type, key->base64, key->body, key->imported);
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

static int
insert_user(struct sqlite_store *store, const struct user_record *user, struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, user->server_id, error), user_key;
	size_t i;

	if (server_key == -1)
		return -1;
	if (write_row(store, server_key, 0, user, error) == -1) {
		if (sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_UNIQUE)
			api_fail_resource(error, API_EXISTS, "User", user->user_name);
		return -1;
	}
	user_key = sqlite3_last_insert_rowid(store->db);
	if (insert_secondary_gids(store, server_key, user_key, user, error) == -1)
		return -1;
	for (i = 0; i < user->key_count; i++)
		if (insert_key(store, user_key, &user->keys[i], error) == -1)
			return -1;
	for (i = 0; i < user->tag_count; i++)
		if (sqlite_run(store, STATEMENT_INSERT_USER_TAG, "INSERT INTO user_tags VALUES (?1, ?2, ?3, ?4)", error,
		        "iitt", user_key, (int64_t)i, user->tags[i].key, user->tags[i].value) == -1)
			return -1;
	return 0;
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
read_user_row(struct sqlite_row *row, struct user_record *user)
{
	struct api_error why;
	const char *mappings;

	sqlite_row_copy(row, 0, user->server_id, SERVER_ID_LENGTH);
	sqlite_row_copy(row, 1, user->user_name, USER_NAME_MAX);
	user->home_type = sqlite_row_home_type(row, 2);
	user->home_directory = sqlite_row_dup(row, 3, PATH_BYTES_MAX);
	user->role = sqlite_row_dup(row, 4, ROLE_MAX);
	user->policy = sqlite_row_dup(row, 5, POLICY_MAX);
	user->profile.has_secondary_gids = sqlite3_column_int64(row->statement, 7) != 0;
	user->has_profile = sqlite_row_has(row, 8) || sqlite_row_has(row, 9);
	if (user->has_profile) {
		user->profile.uid = sqlite_row_u32(row, 8);
		user->profile.gid = sqlite_row_u32(row, 9);
	}
	mappings = sqlite_row_text(row, 6, MAPPINGS_BYTES);
	if (mappings != NULL &&
	    record_json_read_mappings(mappings, strlen(mappings), &user->mappings, &user->mapping_count, &why) == -1) {
		if (why.code == API_UNAVAILABLE)
			sqlite_row_no_memory(row);
		else
			sqlite_row_bad(row, 6, "no list of mappings");
	}
	return row->bad ? -1 : 0;
}

static void
read_key(struct sqlite_row *row, struct ssh_key *key)
{
	sqlite_row_copy(row, 0, key->id, KEY_ID_LENGTH);
	sqlite_row_copy(row, 1, key->type, KEY_TYPE_MAX);
	key->base64 = sqlite_row_dup(row, 2, KEY_BASE64_MAX);
	key->body = sqlite_row_dup(row, 3, KEY_BODY_MAX);
	key->imported = sqlite3_column_double(row->statement, 4);
}

static int
read_keys(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .error = error };
	int got;

	row.statement = sqlite_query(store, STATEMENT_READ_KEYS,
	    "SELECT key_id, type, base64, body, date_imported FROM ssh_keys WHERE user_key = ?1 ORDER BY position",
	    error, "i", user_key);
	if (row.statement == NULL)
		return -1;
	while ((got = sqlite_step(store, row.statement, error)) == 1) {
		if (user->keys == NULL && (user->keys = calloc(USER_KEYS_MAX, sizeof(*user->keys))) == NULL)
			sqlite_row_no_memory(&row);
		else if (user->key_count == USER_KEYS_MAX)
			sqlite_row_bad(&row, 0, "more keys than a user may have");
		else
			read_key(&row, &user->keys[user->key_count++]);
		if (row.bad)
			break;
	}
	sqlite3_reset(row.statement);
	return got == 0 ? 0 : -1;
}

static int
read_user(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .error = error };
	sqlite3_stmt *gids, *tags;
	int got;

	row.statement = sqlite_query(store, STATEMENT_READ_USER,
	    "SELECT server_id, user_name, home_directory_type, home_directory, role, policy, mappings, has_secondary_gids, "
	    "uid, gid FROM users JOIN servers USING (server_key) WHERE user_key = ?1",
	    error, "i", user_key);
	if (row.statement == NULL)
		return -1;
	got = sqlite_step(store, row.statement, error);
	if (got == 1)
		got = read_user_row(&row, user);
	else if (got == 0)
		got = api_fail(error, API_INTERNAL, "Store %.1000s: a user is of no server: was the file edited?",
		    store->path);
	sqlite3_reset(row.statement);
	if (got == -1)
		return -1;
	gids = sqlite_query(store, STATEMENT_READ_SECONDARY_GIDS,
	    "SELECT gid FROM secondary_gids WHERE user_key = ?1 ORDER BY position", error, "i", user_key);
	if (sqlite_read_gids(store, gids, user->profile.secondary_gids, &user->profile.secondary_gid_count, error) == -1 ||
	    read_keys(store, user_key, user, error) == -1)
		return -1;
	tags = sqlite_query(store, STATEMENT_READ_USER_TAGS,
	    "SELECT key, value FROM user_tags WHERE user_key = ?1 ORDER BY position", error, "i", user_key);
	return sqlite_read_tags(store, tags, &user->tags, &user->tag_count, error);
}

static int
describe_user(struct sqlite_store *store, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error)
{
	int64_t user_key = sqlite_user_key(store, server_id, user_name, error);

	return user_key == -1 ? -1 : read_user(store, user_key, user, error);
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
	if (read_user(store, user_key, &user, error) == 0 && merge(context, change, &user, error) == 0 &&
	    write_row(store, server_key, user_key, &user, error) == 0 &&
	    sqlite_run(store, STATEMENT_DELETE_SECONDARY_GIDS, "DELETE FROM secondary_gids WHERE user_key = ?1", error, "i",
	    user_key) == 0 &&
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

static int
list_users(struct sqlite_store *store, int64_t server_key, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	struct listed_user user;
	struct sqlite_row row = { .store = store, .error = error };
	int got;

	row.statement = sqlite_query(store, STATEMENT_LIST_USERS,
	    "SELECT user_name, role, home_directory, home_directory_type, "
	    "(SELECT count(*) FROM ssh_keys k WHERE k.user_key = u.user_key) FROM users u "
	    "WHERE server_key = ?1 AND user_name > ?2 ORDER BY user_name LIMIT ?3",
	    error, "iti", server_key, after == NULL ? "" : after, (int64_t)limit);
	if (row.statement == NULL)
		return -1;
	while ((got = sqlite_step(store, row.statement, error)) == 1) {
		user.user_name = sqlite_row_text(&row, 0, USER_NAME_MAX);
		user.role = sqlite_row_text(&row, 1, ROLE_MAX);
		user.home_directory = sqlite_row_text(&row, 2, PATH_BYTES_MAX);
		user.home_type = sqlite_row_home_type(&row, 3);
		user.key_count = (size_t)sqlite3_column_int64(row.statement, 4);
		if (row.bad || visit(context, &user) != 0)
			break;
	}
	sqlite3_reset(row.statement);
	return got == -1 || row.bad ? -1 : 0;
}

int
sqlite_list_users(struct store *base, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int64_t server_key;
	int result = -1;

	if (sqlite_begin_read(store, error) == -1)
		return -1;
	server_key = sqlite_server_key(store, server_id, error);
	if (server_key != -1)
		result = list_users(store, server_key, after, limit, visit, context, error);
	return sqlite_finish(store, result, error);
}

/* Whether the user may have this key, too. Asked in the transaction that writes it. */
static int
check_new_key(struct sqlite_store *store, int64_t user_key, const char *base64, struct api_error *error)
{
	sqlite3_stmt *statement;
	const char *key_id;
	int count = 0, got;

	statement = sqlite_query(store, STATEMENT_HAS_KEY, "SELECT key_id, base64 = ?2 FROM ssh_keys WHERE user_key = ?1",
	    error, "it", user_key, base64);
	if (statement == NULL)
		return -1;
	for (; (got = sqlite_step(store, statement, error)) == 1; count++) {
		if (sqlite3_column_int(statement, 1) == 0)
			continue;
		key_id = (const char *)sqlite3_column_text(statement, 0);
		got = api_fail_resource(error, API_EXISTS, "SshPublicKey", key_id == NULL ? "" : key_id);
		break;
	}
	sqlite3_reset(statement);
	if (got == -1 || count < USER_KEYS_MAX)
		return got;
	return api_fail(error, API_INVALID_REQUEST,
	    "SshPublicKeyBody: the user has %d keys already, which is the most there may be", USER_KEYS_MAX);
}

static int
import_key(struct sqlite_store *store, const char *server_id, const char *user_name, const struct ssh_key *key,
    struct api_error *error)
{
	int64_t user_key = sqlite_user_key(store, server_id, user_name, error);

	if (user_key == -1 || check_new_key(store, user_key, key->base64, error) == -1)
		return -1;
	return insert_key(store, user_key, key, error);
}

int
sqlite_import_key(struct store *base, const char *server_id, const char *user_name, const struct ssh_key *key,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, import_key(store, server_id, user_name, key, error), error);
}

static int
delete_key(struct sqlite_store *store, const char *server_id, const char *user_name, const char *key_id,
    struct api_error *error)
{
	int64_t user_key = sqlite_user_key(store, server_id, user_name, error);

	if (user_key == -1)
		return -1;
	if (sqlite_run(store, STATEMENT_DELETE_KEY, "DELETE FROM ssh_keys WHERE user_key = ?1 AND key_id = ?2", error, "it",
	        user_key, key_id) == -1)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return api_fail_resource(error, API_NOT_FOUND, "SshPublicKey", key_id);
	return 0;
}

int
sqlite_delete_key(struct store *base, const char *server_id, const char *user_name, const char *key_id,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, delete_key(store, server_id, user_name, key_id, error), error);
}
