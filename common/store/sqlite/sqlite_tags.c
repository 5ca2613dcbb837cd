#include <stdlib.h>

#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

/* The shapes' lengths. */
#define TAG_KEY_MAX   (128u * TEXT_CHARACTER_MAX)
#define TAG_VALUE_MAX (256u * TEXT_CHARACTER_MAX)

/* The rows (key, value) of a query, which it ends. NULL for statement: the query has failed already. */
static int
read_rows(struct sqlite_store *store, sqlite3_stmt *statement, struct tag **tags, size_t *count, struct api_error *error)
{
	struct sqlite_row row = { .store = store, .statement = statement, .error = error };
	struct tag *tag;
	int got;

	if (statement == NULL)
		return -1;
	while ((got = sqlite_step(store, statement, error)) == 1) {
		if (*tags == NULL && (*tags = calloc(TAGS_MAX, sizeof(**tags))) == NULL) {
			sqlite_row_no_memory(&row);
			break;
		}
		if (*count == TAGS_MAX) {
			sqlite_row_bad(&row, 0, "more tags than there may be");
			break;
		}
		tag = &(*tags)[(*count)++];
		tag->key = sqlite_row_dup(&row, 0, TAG_KEY_MAX);
		tag->value = sqlite_row_dup(&row, 1, TAG_VALUE_MAX);
		if (row.bad)
			break;
	}
	sqlite3_reset(statement);
	return got == 0 ? 0 : -1;
}

int
sqlite_read_server_tags(struct sqlite_store *store, int64_t server_key, struct tag **tags, size_t *count,
    struct api_error *error)
{
	return read_rows(store, sqlite_query(store, STATEMENT_READ_SERVER_TAGS,
	    "SELECT key, value FROM server_tags WHERE server_key = ?1 ORDER BY position", error, "i", server_key), tags,
	    count, error);
}

int
sqlite_read_user_tags(struct sqlite_store *store, int64_t user_key, struct tag **tags, size_t *count,
    struct api_error *error)
{
	return read_rows(store, sqlite_query(store, STATEMENT_READ_USER_TAGS,
	    "SELECT key, value FROM user_tags WHERE user_key = ?1 ORDER BY position", error, "i", user_key), tags, count,
	    error);
}

static int
insert(struct sqlite_store *store, enum statement which, const char *sql, int64_t key, const struct tag *tags, size_t count,
    struct api_error *error)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (sqlite_run(store, which, sql, error, "iitt", key, (int64_t)i, tags[i].key, tags[i].value) == -1)
			return -1;
	return 0;
}

int
sqlite_insert_server_tags(struct sqlite_store *store, int64_t server_key, const struct tag *tags, size_t count,
    struct api_error *error)
{
	return insert(store, STATEMENT_INSERT_SERVER_TAG,
	    "INSERT INTO server_tags (server_key, position, key, value) VALUES (?1, ?2, ?3, ?4)", server_key, tags, count,
	    error);
}

int
sqlite_insert_user_tags(struct sqlite_store *store, int64_t user_key, const struct tag *tags, size_t count,
    struct api_error *error)
{
	return insert(store, STATEMENT_INSERT_USER_TAG,
	    "INSERT INTO user_tags (user_key, position, key, value) VALUES (?1, ?2, ?3, ?4)", user_key, tags, count, error);
}

int
sqlite_delete_user_tags(struct sqlite_store *store, int64_t user_key, struct api_error *error)
{
	return sqlite_run(store, STATEMENT_DELETE_USER_TAGS, "DELETE FROM user_tags WHERE user_key = ?1", error, "i",
	    user_key);
}

static int
delete_server_tags(struct sqlite_store *store, int64_t server_key, struct api_error *error)
{
	return sqlite_run(store, STATEMENT_DELETE_SERVER_TAGS, "DELETE FROM server_tags WHERE server_key = ?1", error, "i",
	    server_key);
}

/* Whose tags: a server's, or a user's. */
struct resource {
	int64_t key; /* of its row */
	int (*read)(struct sqlite_store *, int64_t, struct tag **, size_t *, struct api_error *);
	int (*delete)(struct sqlite_store *, int64_t, struct api_error *);
	int (*insert)(struct sqlite_store *, int64_t, const struct tag *, size_t, struct api_error *);
};

static int
find_resource(struct sqlite_store *store, const char *server_id, const char *user_name, struct resource *resource,
    struct api_error *error)
{
	if (user_name == NULL)
		*resource = (struct resource){ sqlite_server_key(store, server_id, error), sqlite_read_server_tags,
			delete_server_tags, sqlite_insert_server_tags };
	else
		*resource = (struct resource){ sqlite_user_key(store, server_id, user_name, error), sqlite_read_user_tags,
			sqlite_delete_user_tags, sqlite_insert_user_tags };
	return resource->key == -1 ? -1 : 0;
}

int
sqlite_read_tags(struct store *base, const char *server_id, const char *user_name, struct tag **tags, size_t *count,
    struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct resource resource;
	int result;

	*tags = NULL;
	*count = 0;
	if (sqlite_begin_read(store, error) == -1)
		return -1;
	result = find_resource(store, server_id, user_name, &resource, error);
	if (result == 0)
		result = resource.read(store, resource.key, tags, count, error);
	result = sqlite_finish(store, result, error);
	if (result == -1) {
		record_free_tags(*tags, *count);
		*tags = NULL;
		*count = 0;
	}
	return result;
}

static int
update_tags(struct sqlite_store *store, const struct resource *resource, store_merge_tags *merge, const void *context,
    struct api_error *error)
{
	struct tag *tags = NULL;
	size_t count = 0;
	int result = -1;

	if (resource->read(store, resource->key, &tags, &count, error) == 0 && merge(context, &tags, &count, error) == 0 &&
	    resource->delete(store, resource->key, error) == 0 &&
	    resource->insert(store, resource->key, tags, count, error) == 0)
		result = 0;
	record_free_tags(tags, count);
	return result;
}

int
sqlite_update_tags(struct store *base, const char *server_id, const char *user_name, store_merge_tags *merge,
    const void *context, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct resource resource;
	int result;

	if (sqlite_begin_write(store, error) == -1)
		return -1;
	result = find_resource(store, server_id, user_name, &resource, error);
	if (result == 0)
		result = update_tags(store, &resource, merge, context, error);
	return sqlite_finish(store, result, error);
}
