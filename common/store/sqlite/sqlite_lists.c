/* Many users at once. */
#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

#define ROLE_MAX (2048u * TEXT_CHARACTER_MAX) /* the shape's */

/* A tag that fewer users have is rare. */
#define TAG_RARE 10000

#define LISTED_COLUMNS \
	"SELECT u.user_name, u.role, u.home_directory, u.home_directory_type, " \
	"(SELECT count(*) FROM ssh_keys k WHERE k.user_key = u.user_key) FROM users u "
#define LISTED_ROWS "u.server_key = ?1 AND u.user_name > ?2 "
#define LISTED_ORDER "ORDER BY u.user_name LIMIT ?3"

/* The rows of a query of LISTED_COLUMNS, which the caller ends. */
static int
visit_rows(struct sqlite_store *store, sqlite3_stmt *statement, store_visit_user *visit, void *context,
    struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };
	struct listed_user user;
	int got;

	while ((got = sqlite_step(store, statement, error)) == 1) {
		user.user_name = sqlite_row_text(&row, 0, USER_NAME_MAX);
		user.role = sqlite_row_text(&row, 1, ROLE_MAX);
		user.home_directory = sqlite_row_text(&row, 2, PATH_BYTES_MAX);
		user.home_type = sqlite_row_home_type(&row, 3);
		user.key_count = (size_t)sqlite3_column_int64(statement, 4);
		if (row.bad || visit(context, &user) != 0)
			break;
	}
	return got == -1 || row.bad ? -1 : 0;
}

static int
list_users(struct sqlite_store *store, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, server_id, error);
	sqlite3_stmt *statement;
	int result;

	if (server_key == -1)
		return -1;
	statement = sqlite_query(store, STATEMENT_LIST_USERS, LISTED_COLUMNS "WHERE " LISTED_ROWS LISTED_ORDER, error, "iti",
	    server_key, after == NULL ? "" : after, (int64_t)limit);
	if (statement == NULL)
		return -1;
	result = visit_rows(store, statement, visit, context, error);
	sqlite3_reset(statement);
	return result;
}

int
sqlite_list_users(struct store *base, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_read(store, error) == -1)
		return -1;
	return sqlite_finish(store, list_users(store, server_id, after, limit, visit, context, error), error);
}

/* How many users have the tag, counted no further than TAG_RARE; -1 with *error. */
static int
count_tagged(struct sqlite_store *store, const struct tag *tag, struct api_error *error)
{
	sqlite3_stmt *statement;
	int count = -1;

	if (tag->value != NULL)
		statement = sqlite_query(store, STATEMENT_COUNT_TAGGED, "SELECT count(*) FROM (SELECT 1 FROM user_tags "
		    "WHERE key = ?1 AND value = ?2 LIMIT ?3)", error, "tti", tag->key, tag->value, (int64_t)TAG_RARE);
	else
		statement = sqlite_query(store, STATEMENT_COUNT_TAGGED_ANY, "SELECT count(*) FROM (SELECT 1 FROM user_tags "
		    "WHERE key = ?1 LIMIT ?2)", error, "ti", tag->key, (int64_t)TAG_RARE);
	if (statement == NULL)
		return -1;
	if (sqlite_step(store, statement, error) == 1)
		count = sqlite3_column_int(statement, 0);
	sqlite3_reset(statement);
	return count;
}

/* The first tag that few users have: in *rare, which is tag_count when there is none. */
static int
find_rare(struct sqlite_store *store, const struct tag *tags, size_t tag_count, size_t *rare, struct api_error *error)
{
	int count;

	for (*rare = 0; *rare < tag_count; ++*rare) {
		count = count_tagged(store, &tags[*rare], error);
		if (count < TAG_RARE)
			return count == -1 ? -1 : 0;
	}
	return 0;
}

static void
append_tag(sqlite3_str *sql, const struct tag *tag, int parameter)
{
	sqlite3_str_appendf(sql, "t.key = ?%d", parameter);
	if (tag->value != NULL)
		sqlite3_str_appendf(sql, " AND t.value = ?%d", parameter + 1);
	sqlite3_str_appendall(sql, ")");
}

/*
 * Parameters: 1 to 3 as for a list, then each tag's key and value. Those who have a rare tag are looked up one by one, and
 * then put in order (the + keeps the library from walking all names). Without a rare tag the names are walked in order, as
 * far as the limit goes.
 */
static sqlite3_stmt *
prepare_find(struct sqlite_store *store, const struct tag *tags, size_t tag_count, struct api_error *error)
{
	sqlite3_stmt *statement = NULL;
	sqlite3_str *sql;
	size_t rare, i;
	char *text;

	if (find_rare(store, tags, tag_count, &rare, error) == -1)
		return NULL;
	sql = sqlite3_str_new(store->db);
	sqlite3_str_appendall(sql, LISTED_COLUMNS "WHERE ");
	sqlite3_str_appendall(sql, rare < tag_count ? "+u.server_key = ?1 AND +u.user_name > ?2 " : LISTED_ROWS);
	for (i = 0; i < tag_count; i++) {
		sqlite3_str_appendall(sql, i == rare ? "AND u.user_key IN (SELECT t.user_key FROM user_tags t WHERE " :
		    "AND EXISTS (SELECT 1 FROM user_tags t WHERE t.user_key = u.user_key AND ");
		append_tag(sql, &tags[i], 4 + 2 * (int)i);
	}
	sqlite3_str_appendall(sql, " " LISTED_ORDER);
	text = sqlite3_str_finish(sql);
	if (text == NULL)
		api_fail_memory(error);
	else if (sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) != SQLITE_OK)
		sqlite_fail(store, "preparing a statement", error);
	sqlite3_free(text);
	return statement;
}

static int
bind_find(sqlite3_stmt *statement, int64_t server_key, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit)
{
	int code = sqlite3_bind_int64(statement, 1, server_key), i;

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(statement, 2, after == NULL ? "" : after, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(statement, 3, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	for (i = 0; i < (int)tag_count && code == SQLITE_OK; i++) {
		code = sqlite3_bind_text(statement, 4 + 2 * i, tags[i].key, -1, SQLITE_STATIC);
		if (code == SQLITE_OK && tags[i].value != NULL)
			code = sqlite3_bind_text(statement, 5 + 2 * i, tags[i].value, -1, SQLITE_STATIC);
	}
	return code;
}

static int
find_users(struct sqlite_store *store, const char *server_id, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit, store_visit_user *visit, void *context, struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, server_id, error);
	sqlite3_stmt *statement;
	int result = -1;

	if (server_key == -1 || (statement = prepare_find(store, tags, tag_count, error)) == NULL)
		return -1;
	if (bind_find(statement, server_key, tags, tag_count, after, limit) != SQLITE_OK)
		sqlite_fail(store, "binding a value", error);
	else
		result = visit_rows(store, statement, visit, context, error);
	sqlite3_finalize(statement);
	return result;
}

int
sqlite_find_users(struct store *base, const char *server_id, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit, store_visit_user *visit, void *context, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (tag_count == 0 || tag_count > TAGS_MAX)
		return api_fail(error, API_INVALID_REQUEST, "Tags: from 1 to %d can be asked for at once", TAGS_MAX);
	if (sqlite_begin_read(store, error) == -1)
		return -1;
	return sqlite_finish(store, find_users(store, server_id, tags, tag_count, after, limit, visit, context, error), error);
}

/* One user whole. A record that can't be read is told of by its name; only a fault of ours ends the walk. */
static int
visit_record(struct sqlite_store *store, sqlite3_stmt *names, store_visit_record *visit, void *context, bool *stopped,
    struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = names, .error = error };
	struct user_record user = { 0 };
	const char *user_name = sqlite_row_text(&row, 1, USER_NAME_MAX);
	int result = 0;

	if (!row.bad && sqlite_read_user(store, sqlite3_column_int64(names, 0), &user, error) == 0)
		*stopped = visit(context, user_name, &user, NULL) != 0;
	else if (error->code == API_UNAVAILABLE)
		result = -1;
	else
		*stopped = visit(context, user_name == NULL ? "" : user_name, NULL, error) != 0;
	record_free_user(&user);
	return result;
}

static int
read_users(struct sqlite_store *store, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error)
{
	int64_t server_key = sqlite_server_key(store, server_id, error);
	bool stopped = false;
	sqlite3_stmt *names;
	int got = 0;

	if (server_key == -1)
		return -1;
	names = sqlite_query(store, STATEMENT_LIST_USER_KEYS,
	    "SELECT user_key, user_name FROM users WHERE server_key = ?1 ORDER BY user_name", error, "i", server_key);
	if (names == NULL)
		return -1;
	while (!stopped && (got = sqlite_step(store, names, error)) == 1)
		if ((got = visit_record(store, names, visit, context, &stopped, error)) == -1)
			break;
	sqlite3_reset(names);
	return got == -1 ? -1 : 0;
}

int
sqlite_read_users(struct store *base, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	if (sqlite_begin_read(store, error) == -1)
		return -1;
	return sqlite_finish(store, read_users(store, server_id, visit, context, error), error);
}
