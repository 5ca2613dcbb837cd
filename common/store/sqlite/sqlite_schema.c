/* The schema, as the steps that lead to it: a new store takes them all, an older one those that it lacks. */
#include <stdio.h>

#include "common/store/sqlite/sqlite_store.h"

/*
 * users: the columns that a login needs come first, the mappings last: SQLite reads a row from its beginning, so a lookup
 * never touches the pages of a long list. AUTOINCREMENT: a row deleted by hand must not leave its keys to the next user.
 */
static const char SCHEMA_1[] =
    "CREATE TABLE servers ("
    "  server_key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  server_id TEXT NOT NULL UNIQUE,"
    "  state TEXT NOT NULL CHECK (state IN ('ONLINE', 'OFFLINE')),"
    "  settings TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE server_tags ("
    "  server_key INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (server_key, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE users ("
    "  user_key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  server_key INTEGER NOT NULL REFERENCES servers,"
    "  user_name TEXT NOT NULL,"
    "  uid INTEGER,"
    "  gid INTEGER,"
    "  has_secondary_gids INTEGER NOT NULL DEFAULT 0,"
    "  home_directory_type TEXT,"
    "  home_directory TEXT,"
    "  role TEXT NOT NULL,"
    "  policy TEXT,"
    "  mappings TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX users_by_name ON users (server_key, user_name);"
    "CREATE INDEX users_by_uid ON users (server_key, uid, user_name) WHERE uid IS NOT NULL;"
    "CREATE INDEX users_by_gid ON users (server_key, gid) WHERE gid IS NOT NULL;"
    "CREATE TABLE secondary_gids ("
    "  user_key INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  server_key INTEGER NOT NULL,"
    "  gid INTEGER NOT NULL,"
    "  PRIMARY KEY (user_key, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX secondary_gids_by_gid ON secondary_gids (server_key, gid);"
    "CREATE TABLE ssh_keys ("
    "  user_key INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  key_id TEXT NOT NULL,"
    "  type TEXT NOT NULL,"
    "  base64 TEXT NOT NULL,"
    "  body TEXT NOT NULL,"
    "  date_imported REAL NOT NULL,"
    "  PRIMARY KEY (user_key, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE user_tags ("
    "  user_key INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (user_key, position)"
    ") STRICT, WITHOUT ROWID;";

/*
 * user_tags_by_key: finding users by tag. The table's own key comes along in the index, so that nothing else is read.
 *
 * ssh_keys: WITHOUT ROWID, the inner pages held whole rows, four of RSA keys to a page, and the body each key once more. The
 * index of (user_key, position) is all that a user's rows are found by. Of the old rows, one whose user isn't there stays
 * behind: foreign keys are enforced here, and it could be nobody's key. legacy_alter_table: without it, RENAME parses all
 * that the file's schema holds, and a view that somebody added would stop it.
 */
static const char SCHEMA_2[] =
    "CREATE INDEX user_tags_by_key ON user_tags (key, value);"
    "CREATE TABLE new_ssh_keys ("
    "  ssh_key_key INTEGER PRIMARY KEY,"
    "  user_key INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  key_id TEXT NOT NULL,"
    "  type TEXT NOT NULL,"
    "  base64 TEXT NOT NULL,"
    "  comment TEXT,"
    "  date_imported REAL NOT NULL"
    ") STRICT;"
    "INSERT INTO new_ssh_keys (user_key, position, key_id, type, base64, comment, date_imported)"
    "  SELECT user_key, position, key_id, type, base64, " SQLITE_COMMENT_OF_BODY ", date_imported FROM ssh_keys"
    "  WHERE EXISTS (SELECT 1 FROM users WHERE users.user_key = ssh_keys.user_key)"
    "  ORDER BY user_key, position;"
    "DROP TABLE ssh_keys;"
    "PRAGMA legacy_alter_table = ON;"
    "ALTER TABLE new_ssh_keys RENAME TO ssh_keys;"
    "PRAGMA legacy_alter_table = OFF;"
    "CREATE UNIQUE INDEX ssh_keys_by_user ON ssh_keys (user_key, position);";

/* STEPS[n] makes schema n + 1 of schema n. A step that a release has shipped stays as it is: the next change is one more. */
static const char *const STEPS[] = { SCHEMA_1, SCHEMA_2 };

#define SCHEMA_VERSION ((int)(sizeof(STEPS) / sizeof(*STEPS)))

int
sqlite_schema_apply(sqlite3 *db, int from, int to)
{
	char mark[96];
	int i, code;

	if (to == 0)
		to = SCHEMA_VERSION;
	for (i = from; i < to; i++)
		if ((code = sqlite3_exec(db, STEPS[i], NULL, NULL, NULL)) != SQLITE_OK)
			return code;
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d", SQLITE_STORE_APPLICATION, to);
	return sqlite3_exec(db, mark, NULL, NULL, NULL);
}

/* The number that a PRAGMA answers with. */
static int
pragma_number(sqlite3 *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int result = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		result = 0;
	}
	/* Its error is the connection's last one: who called tells of it. */
	return sqlite3_finalize(statement) == SQLITE_OK ? result : -1;
}

int
sqlite_schema_check(struct sqlite_store *store, int *version, struct api_error *error)
{
	int64_t application, found;

	if (pragma_number(store->db, "PRAGMA application_id", &application) == -1 ||
	    pragma_number(store->db, "PRAGMA user_version", &found) == -1)
		return sqlite_fail(store, "can't be read", error);
	store->application = application;
	if (store->is_cache && (application != SQLITE_CACHE_APPLICATION || found != SCHEMA_VERSION))
		return api_fail(error, API_UNAVAILABLE, "CacheFile %.1000s is not a cache of this release", store->path);
	if (!store->is_cache && application != SQLITE_STORE_APPLICATION)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store", store->path);
	if (found > SCHEMA_VERSION)
		return api_fail(error, API_UNAVAILABLE,
		    "Store %.1000s was made by a newer Berth: schema %lld, this one knows %d", store->path,
		    (long long)found, SCHEMA_VERSION);
	if (found < 1)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store: schema %lld", store->path,
		    (long long)found);
	*version = (int)found;
	return 0;
}

/* What stands in the file counts once the writer's lock is held: another process may have done it meanwhile. */
static int
migrate(struct sqlite_store *store, struct api_error *error)
{
	int version;

	if (sqlite_schema_check(store, &version, error) == -1)
		return -1;
	if (version < SCHEMA_VERSION && sqlite_schema_apply(store->db, version, 0) != SQLITE_OK)
		return sqlite_fail(store, "can't be brought to this release's schema", error);
	store->version = SCHEMA_VERSION;
	return 0;
}

int
sqlite_schema_migrate(struct sqlite_store *store, int version, struct api_error *error)
{
	if (version == SCHEMA_VERSION)
		return 0;
	if (sqlite_begin_write(store, error) == -1)
		return -1;
	return sqlite_finish(store, migrate(store, error), error);
}
