#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

#define COMMENT_MAX (2048u * TEXT_CHARACTER_MAX) /* the shape's, for a whole body */

/* What follows type and base64 in the body: "" or a space and the comment. NULL: it doesn't begin with them. */
static const char *
rest_of_body(const struct ssh_key *key)
{
	size_t type_length = strlen(key->type), base64_length = strlen(key->base64);
	const char *rest = key->body;

	if (strncmp(rest, key->type, type_length) != 0 || rest[type_length] != ' ')
		return NULL;
	rest += type_length + 1;
	if (strncmp(rest, key->base64, base64_length) != 0)
		return NULL;
	rest += base64_length;
	return *rest == '\0' || *rest == ' ' ? rest : NULL;
}

static int
insert_key(struct sqlite_store *store, int64_t user_key, const struct ssh_key *key, struct api_error *error)
{
	const char *rest = rest_of_body(key);

	/* What is read back would be another body. */
	if (rest == NULL)
		return api_fail(error, API_INTERNAL, "SshPublicKeyBody: doesn't begin with the key's type and base64");
	return sqlite_run(store, STATEMENT_INSERT_KEY,
	    "INSERT INTO ssh_keys (user_key, position, key_id, type, base64, comment, date_imported) VALUES "
	    "(?1, (SELECT coalesce(max(position) + 1, 0) FROM ssh_keys WHERE user_key = ?1), ?2, ?3, ?4, ?5, ?6)",
	    error, "ittttd", user_key, key->id, key->type, key->base64, *rest == '\0' ? NULL : rest + 1, key->imported);
}

int
sqlite_insert_keys(struct sqlite_store *store, int64_t user_key, const struct user_record *user, struct api_error *error)
{
	size_t i;

	for (i = 0; i < user->key_count; i++)
		if (insert_key(store, user_key, &user->keys[i], error) == -1)
			return -1;
	return 0;
}

/* TYPE SPACE BASE64 [SPACE COMMENT], as keys_parse() makes it. */
static char *
make_body(const struct ssh_key *key, const char *comment)
{
	char *body;

	if (asprintf(&body, "%s %s%s%s", key->type, key->base64, comment == NULL ? "" : " ",
	        comment == NULL ? "" : comment) == -1)
		return NULL;
	return body;
}

void
sqlite_row_key(struct sqlite_row *row, int column, struct ssh_key *key)
{
	const char *comment;

	memset(key, 0, sizeof(*key));
	sqlite_row_copy(row, column, key->id, KEY_ID_LENGTH);
	sqlite_row_copy(row, column + 1, key->type, KEY_TYPE_MAX);
	key->base64 = sqlite_row_dup(row, column + 2, KEY_BASE64_MAX);
	comment = sqlite_row_text(row, column + 3, COMMENT_MAX);
	key->imported = sqlite3_column_double(row->statement, column + 4);
	if (!row->bad && key->base64 == NULL)
		sqlite_row_bad(row, column + 2, "nothing");
	if (!row->bad && (key->body = make_body(key, comment)) == NULL)
		sqlite_row_no_memory(row);
}

/* A writer may bring the store to a newer schema while a reader has it open: what this transaction sees counts. */
static sqlite3_stmt *
query_keys(struct sqlite_store *store, int64_t user_key, struct api_error *error)
{
	if (store->version < SQLITE_SCHEMA_COMMENTS && sqlite_schema_check(store, &store->version, error) == -1)
		return NULL;
	if (store->version < SQLITE_SCHEMA_COMMENTS)
		return sqlite_query(store, STATEMENT_READ_OLD_KEYS,
		    "SELECT key_id, type, base64, " SQLITE_COMMENT_OF_BODY " AS comment, date_imported FROM ssh_keys "
		    "WHERE user_key = ?1 ORDER BY position", error, "i", user_key);
	return sqlite_query(store, STATEMENT_READ_KEYS,
	    "SELECT key_id, type, base64, comment, date_imported FROM ssh_keys WHERE user_key = ?1 ORDER BY position",
	    error, "i", user_key);
}

int
sqlite_read_keys(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .error = error };
	int got;

	row.statement = query_keys(store, user_key, error);
	if (row.statement == NULL)
		return -1;
	while ((got = sqlite_step(store, row.statement, error)) == 1) {
		if (user->keys == NULL && (user->keys = calloc(USER_KEYS_MAX, sizeof(*user->keys))) == NULL)
			sqlite_row_no_memory(&row);
		else if (user->key_count == USER_KEYS_MAX)
			sqlite_row_bad(&row, 0, "more keys than a user may have");
		else
			sqlite_row_key(&row, 0, &user->keys[user->key_count++]);
		if (row.bad)
			break;
	}
	sqlite3_reset(row.statement);
	return got == 0 ? 0 : -1;
}

int
sqlite_delete_keys(struct sqlite_store *store, int64_t user_key, struct api_error *error)
{
	return sqlite_run(store, STATEMENT_DELETE_KEYS, "DELETE FROM ssh_keys WHERE user_key = ?1", error, "i", user_key);
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
