/* A whole check: what SQLite says of the file, the schema, rows that belong to nobody; then the records. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/sqlite_check.h"

/* The library lists this many faults of the file's structure. */
#define STRUCTURE_FAULTS "1000"
/* How many of the library's steps lie between two signs of life. */
#define STEPS_BETWEEN 200000
/* No store gets so far. */
#define KEY_MAX ((sqlite3_int64)1 << 62)

void
check_fault(struct check *check, const char *member, const char *repair, const char *format, ...)
{
	struct store_fault fault = { .warning = repair == NULL, .server_id = check->server_id, .user_name = check->user_name,
		.member = member, .repair = repair };
	struct api_error clean;
	char text[sizeof(clean.message)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	api_fail(&clean, API_INTERNAL, "%s", text);
	fault.problem = clean.message;
	if (fault.warning)
		check->findings->warnings++;
	else
		check->findings->faults++;
	check->care->report(check->care->context, &fault);
}

void
check_progress(struct check *check, const char *step, uint64_t done, uint64_t total)
{
	if (check->care->progress != NULL)
		check->care->progress(check->care->context, step, done, total);
}

bool
check_damaged(struct check *check)
{
	switch (sqlite3_errcode(check->source.db) & 0xff) {
	case SQLITE_NOMEM:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_MISUSE:
		return false;
	}
	return true;
}

int
check_failed(struct check *check)
{
	if (!check->failed)
		sqlite_fail(&check->source, "can't be checked", check->error);
	check->failed = true;
	return -1;
}

sqlite3_stmt *
check_query(struct check *check, enum check_statement which, const char *sql, int64_t parameter)
{
	sqlite3_stmt **statement = &check->statements[which];

	if ((*statement != NULL || sqlite3_prepare_v2(check->source.db, sql, -1, statement, NULL) == SQLITE_OK) &&
	    sqlite3_bind_int64(*statement, 1, parameter) == SQLITE_OK)
		return *statement;
	if (!check_damaged(check))
		check_failed(check);
	return NULL;
}

int
check_step(struct check *check, sqlite3_stmt *statement)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	if (!check_damaged(check))
		check_failed(check);
	return -1;
}

sqlite3 *
check_open(const char *path, struct api_error *error)
{
	struct sqlite_store store = { .path = (char *)path };
	int version;

	/* writable_schema, on a connection that can't write: what can be read of a damaged schema is used. */
	if (sqlite3_open_v2(path, &store.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(store.db, "PRAGMA writable_schema = ON", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite_set_up_reader(&store) != SQLITE_OK || sqlite3_exec(store.db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		sqlite_fail(&store, "can't be opened", error);
	else if (sqlite_schema_check(&store, &version, error) == 0)
		return store.db;
	sqlite3_close(store.db);
	return NULL;
}

static int
sign_of_life(void *context)
{
	check_progress(context, "the file", 0, 0);
	return 0;
}

/* The library's own check. It says nothing but "ok" of a sound file. */
static void
check_structure(struct check *check)
{
	static const char INTRODUCTION[] = "*** in database main ***\n";
	sqlite3_stmt *statement = NULL;
	const char *text;
	int got = -1;

	if (sqlite3_prepare_v2(check->source.db, "PRAGMA integrity_check(" STRUCTURE_FAULTS ")", -1, &statement, NULL) ==
	    SQLITE_OK)
		while ((got = check_step(check, statement)) == 1) {
			text = (const char *)sqlite3_column_text(statement, 0);
			if (text == NULL || strcmp(text, "ok") == 0)
				continue;
			if (strncmp(text, INTRODUCTION, strlen(INTRODUCTION)) == 0)
				text += strlen(INTRODUCTION);
			check_fault(check, "file", "indexes are made anew, and what can be read is kept", "%s", text);
		}
	if (got == -1 && !check->failed && check_damaged(check))
		check_fault(check, "file", "what can be read is kept", "its structure can't be checked: %s",
		    sqlite3_errmsg(check->source.db));
	sqlite3_finalize(statement);
}

/* Whether `db` has the object of this row (type, name, tbl_name, sql); exact: with this very text. */
static bool
has_object(sqlite3 *db, sqlite3_stmt *row, bool exact)
{
	static const char FIND[] = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 AND "
	    "(?5 = 0 OR (tbl_name = ?3 AND sql IS ?4))";
	sqlite3_stmt *statement;
	bool found;
	int i;

	if (sqlite3_prepare_v2(db, FIND, -1, &statement, NULL) != SQLITE_OK)
		return false;
	for (i = 0; i < 4; i++)
		sqlite3_bind_value(statement, i + 1, sqlite3_column_value(row, i));
	sqlite3_bind_int(statement, 5, exact);
	found = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return found;
}

/* What one schema has and the other hasn't. The library's own statistics (ANALYZE) may be there. */
static void
compare_schema(struct check *check, sqlite3 *from, sqlite3 *to, bool ours)
{
	static const char OBJECTS[] =
	    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_stat[134]'";
	sqlite3_stmt *row = NULL;
	const char *type, *name;

	if (sqlite3_prepare_v2(from, OBJECTS, -1, &row, NULL) != SQLITE_OK)
		return;
	while (sqlite3_step(row) == SQLITE_ROW) {
		type = (const char *)sqlite3_column_text(row, 0);
		name = (const char *)sqlite3_column_text(row, 1);
		if (type == NULL || name == NULL || has_object(to, row, true))
			continue;
		if (ours && !has_object(to, row, false))
			check_fault(check, "schema", "it is made anew", "the %s %s is missing", type, name);
		else if (ours)
			check_fault(check, "schema", "it is made anew", "the %s %s is not as Berth makes it", type, name);
		else if (!has_object(to, row, false))
			check_fault(check, "schema", "it is dropped", "the %s %s is none of Berth's", type, name);
	}
	sqlite3_finalize(row);
}

static int
check_schema(struct check *check)
{
	sqlite3 *made = NULL;
	int result = -1;

	if (sqlite_schema_check(&check->source, &check->source.version, check->error) == -1)
		check->failed = true;
	else if (sqlite3_open(":memory:", &made) != SQLITE_OK ||
	    sqlite_schema_apply(made, 0, check->source.version) != SQLITE_OK) {
		check->failed = true;
		api_fail_memory(check->error);
	} else {
		compare_schema(check, made, check->source.db, true);
		compare_schema(check, check->source.db, made, false);
		result = 0;
	}
	sqlite3_close(made);
	return result;
}

/* Rows of a list whose owner isn't there. */
static void
check_orphans(struct check *check, const char *table, const char *owners, const char *key)
{
	sqlite3_stmt *statement = NULL;
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT %s, count(*) FROM %s AS list WHERE NOT EXISTS "
	    "(SELECT 1 FROM %s AS owner WHERE owner.%s = list.%s) GROUP BY %s", key, table, owners, key, key, key);
	if (sqlite3_prepare_v2(check->source.db, sql, -1, &statement, NULL) == SQLITE_OK)
		while (check_step(check, statement) == 1)
			check_fault(check, table, "they are dropped",
			    "%lld rows of %s %lld of the table %s, who isn't there",
			    (long long)sqlite3_column_int64(statement, 1), key,
			    (long long)sqlite3_column_int64(statement, 0), owners);
	sqlite3_finalize(statement);
}

/* Two users of one name can only be there when the index that forbids it isn't. */
static void
check_names(struct check *check)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(check->source.db, "SELECT user_name, count(*) FROM users GROUP BY server_key, user_name "
	        "HAVING count(*) > 1", -1, &statement, NULL) == SQLITE_OK)
		while (check_step(check, statement) == 1)
			check_fault(check, "UserName", "only the first is kept", "\"%.100s\" is there %d times",
			    sqlite3_column_text(statement, 0) == NULL ? "" : (const char *)sqlite3_column_text(statement, 0),
			    sqlite3_column_int(statement, 1));
	sqlite3_finalize(statement);
}

/* The counter that gives each new row its key: at its end no row can be made any more, and below the last key one that a
 * deleted row had may be given again. */
static void
check_counter(struct check *check, const char *table, const char *key)
{
	sqlite3_stmt *statement = NULL;
	sqlite3_int64 counter, last;
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT (SELECT max(seq) FROM sqlite_sequence WHERE name = '%s'), max(%s) FROM %s", table,
	    key, table);
	if (sqlite3_prepare_v2(check->source.db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    check_step(check, statement) == 1) {
		counter = sqlite3_column_int64(statement, 0);
		last = sqlite3_column_int64(statement, 1);
		if (counter < last || counter > KEY_MAX)
			check_fault(check, table, "rows are numbered anew",
			    "the counter of its keys is at %lld, and the last key is %lld", (long long)counter,
			    (long long)last);
	}
	sqlite3_finalize(statement);
}

static void
check_file(struct check *check)
{
	sqlite3_progress_handler(check->source.db, STEPS_BETWEEN, sign_of_life, check);
	check_structure(check);
	if (!check->failed && check_schema(check) == 0) {
		check_orphans(check, "server_tags", "servers", "server_key");
		check_orphans(check, "ssh_keys", "users", "user_key");
		check_orphans(check, "user_tags", "users", "user_key");
		check_orphans(check, "secondary_gids", "users", "user_key");
		check_names(check);
		check_counter(check, "servers", "server_key");
		check_counter(check, "users", "user_key");
	}
	sqlite3_progress_handler(check->source.db, 0, NULL, NULL);
}

int
check_all(sqlite3 *db, const char *path, const struct store_care *care, struct store *rescue,
    struct store_findings *findings, struct api_error *error)
{
	struct check check = { .source = { .db = db, .path = (char *)path }, .care = care, .findings = findings,
		.rescue = rescue, .error = error };
	int i;

	*findings = (struct store_findings){ 0 };
	check_file(&check);
	if (!check.failed)
		check_records(&check);
	for (i = 0; i < CHECK_STATEMENTS; i++)
		sqlite3_finalize(check.statements[i]);
	sqlite3_finalize(check.add_found);
	sqlite3_finalize(check.find_found);
	sqlite3_close(check.found);
	free(check.servers);
	return check.failed ? -1 : 0;
}

int
sqlite_check(const char *path, const struct store_care *care, struct store_findings *findings, struct api_error *error)
{
	sqlite3 *db;
	int result;

	if (sqlite_check_path(path, error) == -1 || (db = check_open(path, error)) == NULL)
		return -1;
	result = check_all(db, path, care, NULL, findings, error);
	sqlite3_close(db);
	return result;
}
