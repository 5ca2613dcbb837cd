/*
 * Every record of a file that may be damaged. Rows are found one by one by their keys, so that a page which can't be read
 * costs the rows on it and no others; what its rows were called, an index may still know.
 */
#include <stdlib.h>
#include <stdio.h>

#include "common/store/sqlite/sqlite_check.h"

/* Beyond a gap of this many keys nothing is looked for. */
#define GAP_MAX ((int64_t)1 << 40)
#define USERS_BETWEEN 256 /* two signs of life */

/* One of the tables whose rows are found so. */
struct table {
	const char *name;
	enum check_statement next;
	const char *next_sql;
	void (*judge)(struct check *, int64_t);
};

static const struct table SERVERS = { "servers", CHECK_NEXT_SERVER,
	"SELECT server_key FROM servers NOT INDEXED WHERE server_key >= ?1 ORDER BY server_key LIMIT 1", check_server };
static const struct table USERS = { "users", CHECK_NEXT_USER,
	"SELECT user_key FROM users NOT INDEXED WHERE user_key >= ?1 ORDER BY user_key LIMIT 1", check_user };

static void find_key(struct check *check, int64_t ssh_key_key);

static const struct table KEYS = { "ssh_keys", CHECK_NEXT_KEY,
	"SELECT ssh_key_key FROM ssh_keys NOT INDEXED WHERE ssh_key_key >= ?1 ORDER BY ssh_key_key LIMIT 1", find_key };

/* 1 with the first key from this one on, 0 when there is none, -1 when it can't be read, or the check has failed. */
static int
find_next(struct check *check, const struct table *table, int64_t from, int64_t *key)
{
	sqlite3_stmt *statement = check_query(check, table->next, table->next_sql, from);
	int got;

	if (statement == NULL)
		return -1;
	got = check_step(check, statement);
	if (got == 1)
		*key = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	/* A damaged page may lead anywhere; back would be for ever. */
	return got == 1 && *key < from ? -1 : got;
}

/* The first key from which on rows can be read again: steps that double until one can, then halves. -1: none. */
static int
pass_gap(struct check *check, const struct table *table, int64_t bad, int64_t *from)
{
	int64_t step, good, middle, key;

	for (step = 1; find_next(check, table, bad + step, &key) == -1; step *= 2)
		if (check->failed || step > GAP_MAX || bad + step > INT64_MAX / 2)
			return -1;
	good = bad + step;
	while (good - bad > 1) {
		middle = bad + (good - bad) / 2;
		if (find_next(check, table, middle, &key) == -1)
			bad = middle;
		else
			good = middle;
		if (check->failed)
			return -1;
	}
	*from = good;
	return 0;
}

/* Returns 0 when there is something after the gap. */
static int
report_gap(struct check *check, const struct table *table, int64_t *from)
{
	int64_t bad = *from < 1 ? 1 : *from;
	int result = pass_gap(check, table, bad, from);

	check->damaged = true;
	if (check->failed)
		return -1;
	if (result == -1)
		check_fault(check, table->name, "they are dropped", "the rows with keys from %lld on can't be read",
		    (long long)bad);
	else
		check_fault(check, table->name, "they are dropped", "the rows with keys from %lld to %lld can't be read",
		    (long long)bad, (long long)*from - 1);
	return result;
}

static void
walk(struct check *check, const struct table *table)
{
	int64_t from = INT64_MIN, key;
	uint64_t done = 0;
	int got;

	while (!check->failed && (got = find_next(check, table, from, &key)) != 0) {
		if (got == -1) {
			if (check->failed || report_gap(check, table, &from) == -1)
				return;
			continue;
		}
		table->judge(check, key);
		if (key == INT64_MAX)
			return;
		from = key + 1;
		if (++done % USERS_BETWEEN == 0)
			check_progress(check, table->name, done, check->user_total);
	}
}

const char *
check_server_id(const struct check *check, int64_t server_key)
{
	size_t i;

	for (i = 0; i < check->server_count; i++)
		if (check->servers[i].key == server_key)
			return check->servers[i].id;
	return NULL;
}

/* Servers whose row is lost: the index of ids knows their keys, too. */
static void
find_lost_servers(struct check *check)
{
	sqlite3_stmt *statement = NULL;
	const char *id;
	int64_t key;

	if (sqlite3_prepare_v2(check->source.db, "SELECT server_key, server_id FROM servers "
	        "INDEXED BY sqlite_autoindex_servers_1", -1, &statement, NULL) == SQLITE_OK)
		while (check_step(check, statement) == 1) {
			key = sqlite3_column_int64(statement, 0);
			id = (const char *)sqlite3_column_text(statement, 1);
			if (id != NULL && check_server_id(check, key) == NULL)
				check_lost_server(check, key, id);
		}
	sqlite3_finalize(statement);
}

static bool
row_is_there(struct check *check, sqlite3_stmt *find, int64_t user_key)
{
	bool found;

	sqlite3_bind_int64(find, 1, user_key);
	found = check_step(check, find) == 1;
	sqlite3_reset(find);
	return found;
}

/* Users whose row is lost: the index of names still tells who they were. */
static void
find_lost_users(struct check *check)
{
	static const char NAMES[] = "SELECT user_key, server_key, user_name FROM users INDEXED BY users_by_name";
	static const char FIND[] = "SELECT 1 FROM users NOT INDEXED WHERE user_key = ?1";
	sqlite3_stmt *names = NULL, *find = NULL;
	struct api_error clean;
	const char *name;

	if (sqlite3_prepare_v2(check->source.db, NAMES, -1, &names, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(check->source.db, FIND, -1, &find, NULL) == SQLITE_OK)
		while (!check->failed && check_step(check, names) == 1) {
			if (row_is_there(check, find, sqlite3_column_int64(names, 0)) || check->failed)
				continue;
			name = (const char *)sqlite3_column_text(names, 2);
			api_fail(&clean, API_INTERNAL, "%.100s", name == NULL ? "" : name);
			check->server_id = check_server_id(check, sqlite3_column_int64(names, 1));
			check->user_name = clean.message;
			check_fault(check, NULL, "the user is dropped; create it again",
			    "the record is lost: only the index of names still knows it");
			check->server_id = check->user_name = NULL;
		}
	sqlite3_finalize(names);
	sqlite3_finalize(find);
}

/* For progress alone. */
static uint64_t
count_users(struct check *check)
{
	sqlite3_stmt *statement = NULL;
	uint64_t count = 0;

	if (sqlite3_prepare_v2(check->source.db, "SELECT count(*) FROM users", -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

static int
found_failed(struct check *check)
{
	struct sqlite_store found = { .db = check->found, .path = check->source.path };

	check->failed = true;
	return sqlite_fail(&found, "a temporary file for its check", check->error);
}

/* What the columns of a row say: ssh_key_key, user_key, position. The first to say it of a key counts. */
static void
add_found(struct check *check, sqlite3_stmt *row)
{
	int i;

	for (i = 0; i < 3; i++)
		sqlite3_bind_int64(check->add_found, i + 1, sqlite3_column_int64(row, i));
	sqlite3_step(check->add_found);
	if (sqlite3_reset(check->add_found) != SQLITE_OK)
		found_failed(check);
}

static void
find_key(struct check *check, int64_t ssh_key_key)
{
	sqlite3_stmt *row = check_query(check, CHECK_KEY_OWNER,
	    "SELECT ssh_key_key, user_key, position FROM ssh_keys NOT INDEXED WHERE ssh_key_key = ?1", ssh_key_key);

	if (row == NULL)
		return;
	if (check_step(check, row) == 1)
		add_found(check, row);
	sqlite3_reset(row);
}

/* Keys whose row is lost: the index still knows whose they were. */
static void
find_lost_keys(struct check *check)
{
	sqlite3_stmt *row = NULL;

	if (sqlite3_prepare_v2(check->source.db, "SELECT ssh_key_key, user_key, position FROM ssh_keys "
	        "INDEXED BY ssh_keys_by_user", -1, &row, NULL) == SQLITE_OK)
		while (!check->failed && check_step(check, row) == 1)
			add_found(check, row);
	sqlite3_finalize(row);
}

/* Not in the connection that is checked: once a fault was met there, not even its temporary tables can be written. */
static int
make_found(struct check *check)
{
	static const char MAKE[] = "PRAGMA journal_mode = OFF; CREATE TABLE found_keys "
	    "(ssh_key_key INTEGER PRIMARY KEY, user_key INTEGER, position INTEGER);"
	    "CREATE INDEX found_keys_by_user ON found_keys (user_key, position); BEGIN";

	if (sqlite3_open("", &check->found) != SQLITE_OK ||
	    sqlite3_exec(check->found, MAKE, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(check->found, "INSERT OR IGNORE INTO found_keys VALUES (?1, ?2, ?3)", -1,
	        &check->add_found, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(check->found, "SELECT ssh_key_key FROM found_keys WHERE user_key = ?1 ORDER BY position, "
	        "ssh_key_key", -1, &check->find_found, NULL) != SQLITE_OK)
		return found_failed(check);
	return 0;
}

/* Users' keys are found by an index; what stands in the table is not to be lost with it. Nobody needs this in a sound file,
 * nor before there was that index. */
static void
find_keys(struct check *check)
{
	if (check->findings->faults == 0 || check->source.version < SQLITE_SCHEMA_COMMENTS || make_found(check) == -1)
		return;
	walk(check, &KEYS);
	if (!check->failed)
		find_lost_keys(check);
	check->damaged = false;
}

int
check_records(struct check *check)
{
	find_keys(check);
	if (check->failed)
		return -1;
	check->user_total = count_users(check);
	walk(check, &SERVERS);
	if (!check->failed && check->damaged)
		find_lost_servers(check);
	check->damaged = false;
	if (!check->failed)
		walk(check, &USERS);
	if (!check->failed && check->damaged)
		find_lost_users(check);
	return check->failed ? -1 : 0;
}
