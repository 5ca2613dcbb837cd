/*
 * The embedded store, in SQLite. Private to sqlite*.c:
 *
 *   sqlite.c         statements, transactions
 *   sqlite_row.c     reading rows
 *   sqlite_open.c    opening
 *   sqlite_make.c    making the file
 *   sqlite_schema.c  the schema and its migration
 *   sqlite_login.c   the agent's lookups
 *   sqlite_users.c   users
 *   sqlite_lists.c   many users at once: listed, found by tag, read whole
 *   sqlite_keys.c    users' keys
 *   sqlite_servers.c servers
 *   sqlite_tags.c    tags of both
 *
 * What is read back is outside data, too: the file may have been edited, or made by somebody else.
 */
#ifndef BERTH_SQLITE_STORE_H
#define BERTH_SQLITE_STORE_H

#include <sqlite3.h>

#include "common/store/store_operations.h"

/* One prepared statement each, kept for as long as the store is open. */
enum statement {
	STATEMENT_BEGIN_READ,
	STATEMENT_BEGIN_WRITE,
	STATEMENT_COMMIT,
	STATEMENT_SAVE,
	STATEMENT_RELEASE,
	STATEMENT_FIND_BY_NAME,
	STATEMENT_FIND_BY_UID,
	STATEMENT_FIND_SERVER,
	STATEMENT_FIND_GID,
	STATEMENT_FIND_SECONDARY_GIDS,
	STATEMENT_FIND_KEYS,
	STATEMENT_SERVER_KEY,
	STATEMENT_INSERT_SERVER,
	STATEMENT_UPDATE_SERVER,
	STATEMENT_DELETE_SERVER,
	STATEMENT_HAS_USERS,
	STATEMENT_DELETE_USERS,
	STATEMENT_INSERT_SERVER_TAG,
	STATEMENT_DELETE_SERVER_TAGS,
	STATEMENT_READ_SERVER,
	STATEMENT_READ_SERVER_TAGS,
	STATEMENT_LIST_SERVERS,
	STATEMENT_USER_KEY,
	STATEMENT_INSERT_USER,
	STATEMENT_UPDATE_USER,
	STATEMENT_DELETE_USER,
	STATEMENT_INSERT_SECONDARY_GID,
	STATEMENT_DELETE_SECONDARY_GIDS,
	STATEMENT_INSERT_KEY,
	STATEMENT_DELETE_KEY,
	STATEMENT_DELETE_KEYS,
	STATEMENT_HAS_KEY,
	STATEMENT_INSERT_USER_TAG,
	STATEMENT_DELETE_USER_TAGS,
	STATEMENT_READ_USER,
	STATEMENT_DESCRIBE_USER,
	STATEMENT_READ_SECONDARY_GIDS,
	STATEMENT_READ_KEYS,
	STATEMENT_READ_OLD_KEYS,
	STATEMENT_READ_USER_TAGS,
	STATEMENT_LIST_USERS,
	STATEMENT_LIST_USER_KEYS,
	STATEMENT_COUNT_TAGGED,
	STATEMENT_COUNT_TAGGED_ANY,
	/* of a cache: */
	STATEMENT_CACHE_LOOK,
	STATEMENT_CACHE_OWNER,
	STATEMENT_CACHE_SET_OWNER,
	STATEMENT_CACHE_LIST,
	STATEMENT_CACHE_SET_TIME,
	STATEMENT_CACHE_HAS,
	STATEMENT_CACHE_REMOVE_USER,
	STATEMENT_CACHE_REMOVE_TIME,
	STATEMENT_CACHE_HAS_OLD,
	STATEMENT_CACHE_REMOVE_OLD_USERS,
	STATEMENT_CACHE_REMOVE_OLD_TIMES,
	STATEMENT_COUNT
};

struct sqlite_store {
	struct store base;
	sqlite3 *db;
	char *path;
	bool is_cache; /* of common/store/cache: a file of its own kind, and no store to anybody else */
	bool damaged; /* something has been found in it that no database has */
	int64_t application; /* the kind that the file itself says it is of, once it was looked at */
	int version; /* the schema's when it was last looked at; a reader's may have been migrated since; 0: not known */
	bool batch; /* between store_begin() and its end */
	bool spoiled; /* the transaction has part of a call that failed, and must not be committed */
	int writer_wait_ms; /* how long to wait for other writers; tests make it short */
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

extern const struct store_operations sqlite_operations;

void sqlite_close(struct store *);

/* sqlite_check_path: an absolute path of a regular file; API_NOT_FOUND when there is none. */
int sqlite_check_path(const char *path, struct api_error *error);
/* sqlite_set_up_reader: what every connection needs: the file's own schema is not trusted, and nothing it brings (triggers,
 * views, functions in expressions) may act. sqlite_set_up_writer: what one that writes needs besides. SQLite's codes. */
int sqlite_set_up_reader(struct sqlite_store *store);
int sqlite_set_up_writer(struct sqlite_store *store);
/* sqlite_connect: opens the file at store->path, of the kind that store->is_cache says, and checks that it is one. Returns 0
 * or -1; sqlite_close() is the caller's either way. */
int sqlite_connect(struct sqlite_store *store, enum store_mode mode, struct api_error *error);
/* sqlite_make: the file at path, with a copy of the contents, or, for NULL, an empty store. Returns 0, 1 when somebody else
 * has made one meanwhile, or -1. */
int sqlite_make(const char *path, sqlite3 *contents, struct api_error *error);

/* The first schema whose keys have a comment. In older ones it is what follows type and base64 in the row's body. A body
 * that begins otherwise (the file was edited) has none: type and base64 alone have always decided who logs in, and still do. */
#define SQLITE_SCHEMA_COMMENTS 2
#define SQLITE_COMMENT_OF_BODY \
	"CASE WHEN substr(body, 1, length(type) + length(base64) + 2) = type || ' ' || base64 || ' ' " \
	"THEN substr(body, length(type) + length(base64) + 3) END"

/* What the file's header says of its kind: how file(1) and we know it. A cache's ends in its format: one of another format
 * is another kind. */
#define SQLITE_STORE_APPLICATION 0x42525448 /* "BRTH" */
#define SQLITE_CACHE_APPLICATION 0x42524301 /* "BRC", 1 */

/* sqlite_schema_apply: the steps from one schema to another (to 0: the newest), in the caller's transaction, if any. Returns
 * SQLite's code. */
int sqlite_schema_apply(sqlite3 *db, int from, int to);
/* sqlite_schema_check: that it is a Berth store of a schema that this release knows. */
int sqlite_schema_check(struct sqlite_store *store, int *version, struct api_error *error);
/* sqlite_schema_migrate: a store of this version to the newest, in one transaction. */
int sqlite_schema_migrate(struct sqlite_store *store, int version, struct api_error *error);

/* sqlite_word: what messages call the file: the configuration's word for it. */
static inline const char *
sqlite_word(const struct sqlite_store *store)
{
	return store->is_cache ? "CacheFile" : "Store";
}

/* sqlite_fail: *error from the library's last error; busy, full, read-only and the like are API_UNAVAILABLE. Returns -1. */
int sqlite_fail(struct sqlite_store *store, const char *doing, struct api_error *error);

/*
 * sqlite_query: the statement, bound and ready to be stepped, or NULL with *error. `types` has a letter for each parameter:
 * t for const char * (NULL is SQL's NULL), i for int64_t, d for double; n takes no argument and binds NULL. Texts must live
 * until the reset: every query ends with sqlite3_reset().
 */
sqlite3_stmt *sqlite_query(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error,
    const char *types, ...);
/* sqlite_step: 1 for a row, 0 at the end, -1 with *error. */
int sqlite_step(struct sqlite_store *store, sqlite3_stmt *statement, struct api_error *error);
/* sqlite_run: query, step to the end, reset. Returns 0, or -1 with *error. */
int sqlite_run(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error,
    const char *types, ...);
/* sqlite_has: the same for a question: 1 when there is a row, 0 or -1. */
int sqlite_has(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error,
    const char *types, ...);

/* Transactions; within a batch, savepoints of it. */
int sqlite_begin_read(struct sqlite_store *store, struct api_error *error);
/* sqlite_begin_write: waits for other writers. */
int sqlite_begin_write(struct sqlite_store *store, struct api_error *error);
/* sqlite_finish: ends the transaction: commits when result is 0, and rolls back when it isn't or the commit fails.
 * Returns result, or -1 with *error when the commit failed. */
int sqlite_finish(struct sqlite_store *store, int result, struct api_error *error);

/*
 * A row that is being read. The first column that isn't what it should be sets `bad` and *error; check it once, after the
 * last column.
 */
struct sqlite_row {
	struct sqlite_store *store;
	sqlite3_stmt *statement;
	struct api_error *error;
	bool bad;
	const char *why; /* what the bad one holds; NULL: no memory */
};

bool sqlite_row_has(const struct sqlite_row *row, int column);
/* sqlite_row_bad: marks the row; why completes "holds ". */
void sqlite_row_bad(struct sqlite_row *row, int column, const char *why);
/* sqlite_row_no_memory: marks the row, too: the failure is ours and not the record's (API_UNAVAILABLE). */
void sqlite_row_no_memory(struct sqlite_row *row);
/* sqlite_row_text: at most max bytes of UTF-8 without NUL; lives until the next step. NULL for SQL's NULL or what is bad. */
const char *sqlite_row_text(struct sqlite_row *row, int column, size_t max);
/* sqlite_row_dup: the same as malloc'ed memory. */
char *sqlite_row_dup(struct sqlite_row *row, int column, size_t max);
/* sqlite_row_copy: the same into memory of size max + 1; NULL makes it "". */
void sqlite_row_copy(struct sqlite_row *row, int column, char *to, size_t max);
uint32_t sqlite_row_u32(struct sqlite_row *row, int column);
enum home_type sqlite_row_home_type(struct sqlite_row *row, int column);

/* sqlite_server_key: the server's row, or -1 with *error (API_NOT_FOUND). sqlite_user_key: the user's. */
int64_t sqlite_server_key(struct sqlite_store *store, const char *server_id, struct api_error *error);
int64_t sqlite_user_key(struct sqlite_store *store, const char *server_id, const char *user_name, struct api_error *error);

/* sqlite_read_server_tags, sqlite_read_user_tags: a row's tags, for record_free_tags(), on -1 too. */
int sqlite_read_server_tags(struct sqlite_store *store, int64_t server_key, struct tag **tags, size_t *count,
    struct api_error *error);
int sqlite_read_user_tags(struct sqlite_store *store, int64_t user_key, struct tag **tags, size_t *count,
    struct api_error *error);
/* sqlite_insert_server_tags, sqlite_insert_user_tags: to a row that has none. */
int sqlite_insert_server_tags(struct sqlite_store *store, int64_t server_key, const struct tag *tags, size_t count,
    struct api_error *error);
int sqlite_insert_user_tags(struct sqlite_store *store, int64_t user_key, const struct tag *tags, size_t count,
    struct api_error *error);
int sqlite_delete_user_tags(struct sqlite_store *store, int64_t user_key, struct api_error *error);

/* sqlite_row_key: five columns from this one on, id, type, base64, comment and date. For record_free_key(), if bad, too. */
void sqlite_row_key(struct sqlite_row *row, int column, struct ssh_key *key);
/* sqlite_read_keys: a row's keys into *user. sqlite_insert_keys: all of the record's, to a row that has none. */
int sqlite_read_keys(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error);
int sqlite_insert_keys(struct sqlite_store *store, int64_t user_key, const struct user_record *user,
    struct api_error *error);
int sqlite_delete_keys(struct sqlite_store *store, int64_t user_key, struct api_error *error);

/* sqlite_read_user: a row as a whole record, for record_free_user(), on -1 too. */
int sqlite_read_user(struct sqlite_store *store, int64_t user_key, struct user_record *user, struct api_error *error);

/* sqlite_read_gids: the same for rows of secondary gids. gids: room for SECONDARY_GIDS_MAX; more than that is bad. */
int sqlite_read_gids(struct sqlite_store *store, sqlite3_stmt *statement, uint32_t *gids, size_t *count,
    struct api_error *error);

/* The calls, as in store_operations.h. */
int sqlite_create_server(struct store *, const struct server_record *, struct api_error *);
int sqlite_describe_server(struct store *, const char *, struct server_record *, struct api_error *);
int sqlite_list_servers(struct store *, const char *, size_t, store_visit_server *, void *, struct api_error *);
int sqlite_update_server(struct store *, const char *, store_merge_server *, const void *, struct api_error *);
int sqlite_delete_server(struct store *, const char *, bool, struct api_error *);
int sqlite_create_user(struct store *, const struct user_record *, struct api_error *);
int sqlite_replace_user(struct store *, const struct user_record *, struct api_error *);
int sqlite_describe_user(struct store *, const char *, const char *, struct user_record *, struct api_error *);
int sqlite_delete_user(struct store *, const char *, const char *, struct api_error *);
int sqlite_update_user(struct store *, const struct user_change *, store_merge_user *, const void *,
    struct api_error *);
int sqlite_list_users(struct store *, const char *, const char *, size_t, store_visit_user *, void *, struct api_error *);
int sqlite_find_users(struct store *, const char *, const struct tag *, size_t, const char *, size_t, store_visit_user *,
    void *, struct api_error *);
int sqlite_read_users(struct store *, const char *, store_visit_record *, void *, struct api_error *);
int sqlite_read_tags(struct store *, const char *, const char *, struct tag **, size_t *, struct api_error *);
int sqlite_update_tags(struct store *, const char *, const char *, store_merge_tags *, const void *, struct api_error *);
int sqlite_import_key(struct store *, const char *, const char *, const struct ssh_key *, struct api_error *);
int sqlite_delete_key(struct store *, const char *, const char *, const char *, struct api_error *);
int sqlite_find_by_name(struct store *, const char *, const char *, struct store_login *, struct api_error *);
int sqlite_find_by_uid(struct store *, const char *, uint32_t, struct store_login *, struct api_error *);
int sqlite_find_server(struct store *, const char *, bool *, struct api_error *);
int sqlite_find_gid(struct store *, const char *, uint32_t, struct api_error *);
int sqlite_secondary_gids(struct store *, const char *, const char *, uint32_t *, size_t *, struct api_error *);
int sqlite_find_keys(struct store *, const char *, const char *, const char *, const char *, store_visit_key *, void *,
    struct api_error *);

#endif
