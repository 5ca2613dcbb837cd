/*
 * sqlite_commits: the rows that CreateUser makes, each user's in a transaction of its own, by one writer on the bare
 * library.
 *
 *   sqlite_commits BATCH DATABASE FIRST    users number FIRST, FIRST + 1 …
 *
 * DATABASE is a store with one server. A sample is the time of a batch of transactions, divided by their number. The
 * statements are prepared once, and nothing is looked up or checked.
 */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>

#include "tests/bench/api_rows.h"
#include "tests/bench/worker.h"

enum { BEGIN, INSERT_USER, INSERT_KEY, COMMIT, STATEMENT_COUNT };

static const char *const STATEMENTS[STATEMENT_COUNT] = {
	"BEGIN IMMEDIATE",
	"INSERT INTO users (server_key, user_name, home_directory_type, home_directory, role, policy, mappings, "
	"has_secondary_gids, uid, gid) VALUES ((SELECT server_key FROM servers), ?1, 'LOGICAL', NULL, '" API_ROWS_ROLE "', NULL, "
	"?2, 0, ?3, ?3)",
	"INSERT INTO ssh_keys (user_key, position, key_id, type, base64, comment, date_imported) "
	"VALUES (last_insert_rowid(), 0, ?1, '" API_ROWS_TYPE "', ?2, NULL, 1795343400.123)",
	"COMMIT",
};

static struct {
	unsigned long batch, number;
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
} writer;

static void
check(bool well)
{
	if (well)
		return;
	fprintf(stderr, "sqlite_commits: %s\n", sqlite3_errmsg(writer.db));
	exit(1);
}

static void bind(int statement, int parameter, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
bind(int statement, int parameter, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	check(sqlite3_bind_text(writer.statements[statement], parameter, text, -1, SQLITE_TRANSIENT) == SQLITE_OK);
}

static void
create_user(unsigned long number)
{
	bind(INSERT_USER, 1, API_ROWS_USER, number);
	bind(INSERT_USER, 2, API_ROWS_ENTRY, number);
	check(sqlite3_bind_int64(writer.statements[INSERT_USER], 3, (sqlite3_int64)(API_ROWS_UID + number)) == SQLITE_OK);
	bind(INSERT_KEY, 1, "key-%017lx", number);
	bind(INSERT_KEY, 2, API_ROWS_BASE64, number);
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		check(sqlite3_step(writer.statements[i]) == SQLITE_DONE);
		check(sqlite3_reset(writer.statements[i]) == SQLITE_OK);
	}
}

static double
sample(void *context)
{
	double start = worker_now();

	(void)context;
	for (unsigned long i = 0; i < writer.batch; i++)
		create_user(writer.number++);
	return (worker_now() - start) / (double)writer.batch;
}

int
main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: sqlite_commits BATCH DATABASE FIRST\n");
		return 2;
	}
	writer.batch = worker_number(argv[1]);
	writer.number = worker_number(argv[3]);
	check(sqlite3_open_v2(argv[2], &writer.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK);
	/* What the store sets, too. */
	check(sqlite3_exec(writer.db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
	    "PRAGMA journal_size_limit = 16777216", NULL, NULL, NULL) == SQLITE_OK);
	for (int i = 0; i < STATEMENT_COUNT; i++)
		check(sqlite3_prepare_v3(writer.db, STATEMENTS[i], -1, SQLITE_PREPARE_PERSISTENT, &writer.statements[i], NULL) ==
		    SQLITE_OK);
	return worker_serve(1, sample, NULL);
}
