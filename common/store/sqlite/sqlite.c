/* Statements, transactions, and the table of the store's calls. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/sqlite_store.h"

/* cause: the system's error, where the library doesn't know it; 0: none. */
static int
fail(struct sqlite_store *store, const char *doing, int cause, struct api_error *error)
{
	int code = sqlite3_errcode(store->db) & 0xff;
	enum api_code verdict = API_INTERNAL;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL || code == SQLITE_IOERR ||
	    code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_NOMEM ||
	    code == SQLITE_AUTH)
		verdict = API_UNAVAILABLE;
	store->damaged |= code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
	/* A cache can be had again: what it can't give now, it will. */
	if (store->is_cache && code == SQLITE_CORRUPT)
		verdict = API_UNAVAILABLE;
	if (code == SQLITE_NOTADB)
		return api_fail(error, API_UNAVAILABLE, "%s %.1000s is not a Berth %s", sqlite_word(store), store->path,
		    store->is_cache ? "cache" : "store");
	/* The library's own words don't say why: a full disk, for one. */
	if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)
		cause = 0;
	else if (sqlite3_system_errno(store->db) != 0)
		cause = sqlite3_system_errno(store->db);
	return api_fail(error, verdict, "%s %.1000s: %s: %.1000s%s%s%s", sqlite_word(store), store->path, doing,
	    sqlite3_errmsg(store->db),
	    cause == 0 ? "" : ": ", cause == 0 ? "" : strerror(cause),
	    code == SQLITE_CORRUPT && !store->is_cache ? "; `berth fsck` says what is damaged" : "");
}

int
sqlite_fail(struct sqlite_store *store, const char *doing, struct api_error *error)
{
	return fail(store, doing, 0, error);
}

static int
bind_value(sqlite3_stmt *statement, int parameter, char type, va_list *arguments)
{
	switch (type) {
	case 't':
		return sqlite3_bind_text(statement, parameter, va_arg(*arguments, const char *), -1, SQLITE_STATIC);
	case 'i':
		return sqlite3_bind_int64(statement, parameter, va_arg(*arguments, int64_t));
	case 'd':
		return sqlite3_bind_double(statement, parameter, va_arg(*arguments, double));
	case 'n':
		return sqlite3_bind_null(statement, parameter);
	}
	return SQLITE_MISUSE;
}

static sqlite3_stmt *
query(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error, const char *types,
    va_list *arguments)
{
	sqlite3_stmt **statement = &store->statements[which];
	int i;

	if (*statement == NULL &&
	    sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
		sqlite_fail(store, "preparing a statement", error);
		return NULL;
	}
	for (i = 0; types[i] != '\0'; i++) {
		if (bind_value(*statement, i + 1, types[i], arguments) != SQLITE_OK) {
			sqlite_fail(store, "binding a value", error);
			return NULL;
		}
	}
	return *statement;
}

sqlite3_stmt *
sqlite_query(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error, const char *types,
    ...)
{
	sqlite3_stmt *statement;
	va_list arguments;

	va_start(arguments, types);
	statement = query(store, which, sql, error, types, &arguments);
	va_end(arguments);
	return statement;
}

int
sqlite_step(struct sqlite_store *store, sqlite3_stmt *statement, struct api_error *error)
{
	bool writes = !sqlite3_stmt_readonly(statement) || statement == store->statements[STATEMENT_COMMIT];

	/* What fails within a commit, the library doesn't keep the system's error of. */
	errno = 0;
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	return fail(store, writes ? "writing" : "reading", errno, error);
}

/* step_and_reset: once, or to the end; what the last step returned. NULL: a query that failed. */
static int
step_and_reset(struct sqlite_store *store, sqlite3_stmt *statement, bool to_the_end, struct api_error *error)
{
	int got;

	if (statement == NULL)
		return -1;
	do
		got = sqlite_step(store, statement, error);
	while (to_the_end && got == 1);
	sqlite3_reset(statement);
	return got;
}

int
sqlite_run(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error, const char *types,
    ...)
{
	sqlite3_stmt *statement;
	va_list arguments;

	va_start(arguments, types);
	statement = query(store, which, sql, error, types, &arguments);
	va_end(arguments);
	return step_and_reset(store, statement, true, error);
}

int
sqlite_has(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error, const char *types,
    ...)
{
	sqlite3_stmt *statement;
	va_list arguments;

	va_start(arguments, types);
	statement = query(store, which, sql, error, types, &arguments);
	va_end(arguments);
	return step_and_reset(store, statement, false, error);
}

/* A file that was removed or replaced is still there for who has it open. */
static bool
sqlite_moved(struct store *base)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int moved = 0;

	return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

/* Some errors have rolled back already. Without memory it can't be done: then the next transaction does it. */
static void
roll_back(struct sqlite_store *store)
{
	store->spoiled = !sqlite3_get_autocommit(store->db) &&
	    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK;
}

/* The library had to roll back the batch, or what a call had left of it can't be taken back. */
static bool
is_undone(const struct sqlite_store *store)
{
	return store->spoiled || sqlite3_get_autocommit(store->db);
}

/* Each call within a batch is a savepoint of it. When the batch is undone, its calls must not begin transactions of their
 * own. */
static int
save(struct sqlite_store *store, struct api_error *error)
{
	if (is_undone(store))
		return api_fail(error, API_UNAVAILABLE, "%s %.1000s: the batch has been undone", sqlite_word(store),
		    store->path);
	return sqlite_run(store, STATEMENT_SAVE, "SAVEPOINT call", error, "");
}

int
sqlite_begin_read(struct sqlite_store *store, struct api_error *error)
{
	if (store->batch)
		return save(store, error);
	if (store->spoiled)
		roll_back(store);
	return sqlite_run(store, STATEMENT_BEGIN_READ, "BEGIN", error, "");
}

/* What is written to a file that was removed or replaced would be lost. Asked once the writer's lock is held: whoever
 * replaces a store holds it meanwhile. */
static int
check_in_place(struct sqlite_store *store, struct api_error *error)
{
	if (!sqlite_moved(&store->base))
		return 0;
	roll_back(store);
	return api_fail(error, API_UNAVAILABLE, "%s %.1000s: was removed or replaced meanwhile; try again",
	    sqlite_word(store), store->path);
}

int
sqlite_begin_write(struct sqlite_store *store, struct api_error *error)
{
	if (store->batch)
		return save(store, error);
	if (store->spoiled)
		roll_back(store);
	/* IMMEDIATE takes the writer's lock now, where waiting is safe: a reader that becomes a writer fails instead. */
	if (sqlite_run(store, STATEMENT_BEGIN_WRITE, "BEGIN IMMEDIATE", error, "") == -1)
		return -1;
	return check_in_place(store, error);
}

static int
finish_call(struct sqlite_store *store, int result, struct api_error *error)
{
	if (result == 0 && sqlite_run(store, STATEMENT_RELEASE, "RELEASE call", error, "") == 0)
		return 0;
	/* A call that has failed must not be committed with the others, nor half of it. */
	if (!sqlite3_get_autocommit(store->db) &&
	    sqlite3_exec(store->db, "ROLLBACK TO call; RELEASE call", NULL, NULL, NULL) != SQLITE_OK)
		store->spoiled = true;
	return result == 0 ? -1 : result;
}

int
sqlite_finish(struct sqlite_store *store, int result, struct api_error *error)
{
	if (store->batch)
		return finish_call(store, result, error);
	if (result == 0 && sqlite_run(store, STATEMENT_COMMIT, "COMMIT", error, "") == 0)
		return 0;
	roll_back(store);
	return result == 0 ? -1 : result;
}

static int
sqlite_begin(struct store *base, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	/* A call's savepoint puts aside each page that the call changes. In a file, those took a third of a batch's time. */
	if (sqlite3_exec(store->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(store, "setting up", error);
	if (sqlite_begin_write(store, error) == -1)
		return -1;
	store->batch = true;
	return 0;
}

static void
sqlite_abandon(struct store *base)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	store->batch = false;
	roll_back(store);
}

static int
sqlite_commit(struct store *base, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	store->batch = false;
	if (is_undone(store)) {
		roll_back(store);
		return api_fail(error, API_UNAVAILABLE, "%s %.1000s: the batch has been undone", sqlite_word(store),
		    store->path);
	}
	return sqlite_finish(store, 0, error);
}

void
sqlite_close(struct store *base)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int i;

	for (i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

const struct store_operations sqlite_operations = {
	.close = sqlite_close,
	.moved = sqlite_moved,
	.create_server = sqlite_create_server,
	.describe_server = sqlite_describe_server,
	.list_servers = sqlite_list_servers,
	.update_server = sqlite_update_server,
	.delete_server = sqlite_delete_server,
	.create_user = sqlite_create_user,
	.replace_user = sqlite_replace_user,
	.describe_user = sqlite_describe_user,
	.delete_user = sqlite_delete_user,
	.update_user = sqlite_update_user,
	.list_users = sqlite_list_users,
	.find_users = sqlite_find_users,
	.read_users = sqlite_read_users,
	.read_tags = sqlite_read_tags,
	.update_tags = sqlite_update_tags,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.abandon = sqlite_abandon,
	.import_key = sqlite_import_key,
	.delete_key = sqlite_delete_key,
	.find_by_name = sqlite_find_by_name,
	.find_by_uid = sqlite_find_by_uid,
	.find_server = sqlite_find_server,
	.find_gid = sqlite_find_gid,
	.secondary_gids = sqlite_secondary_gids,
	.find_keys = sqlite_find_keys,
};
