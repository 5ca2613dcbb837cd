#include "common/store/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/model/text.h"

#define APPLICATION_ID 0x42525448 /* "BRTH": how file(1) and we know the file by its header */
#define SCHEMA_VERSION 1

/* How long a writer waits for other writers. A reader waits only while another process recovers the log after a crash. */
#define WRITER_WAIT_MS 30000
#define WRITER_STEP_MS 2
#define READER_WAIT_MS 500

/* Above a user's 8 MiB of mappings; what is longer in the file is refused by the library before it is read. */
#define VALUE_BYTES_MAX (12 * 1024 * 1024)
#define MODE_PRIVATE    0600

/*
 * users: the columns that a login needs come first, the mappings last: SQLite reads a row from its beginning, so a lookup
 * never touches the pages of a long list. AUTOINCREMENT: a row deleted by hand must not leave its keys to the next user.
 */
static const char SCHEMA[] =
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

int
sqlite_fail(struct sqlite_store *store, const char *doing, struct api_error *error)
{
	int code = sqlite3_errcode(store->db) & 0xff, cause = 0;
	enum api_code verdict = API_INTERNAL;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL || code == SQLITE_IOERR ||
	    code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_NOMEM ||
	    code == SQLITE_AUTH)
		verdict = API_UNAVAILABLE;
	if (code == SQLITE_NOTADB)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store", store->path);
	/* The library's own words don't say why: a full disk, for one. */
	if (code == SQLITE_IOERR || code == SQLITE_CANTOPEN)
		cause = sqlite3_system_errno(store->db);
	return api_fail(error, verdict, "Store %.1000s: %s: %.1000s%s%s", store->path, doing, sqlite3_errmsg(store->db),
	    cause == 0 ? "" : ": ", cause == 0 ? "" : strerror(cause));
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
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	return sqlite_fail(store, sqlite3_stmt_readonly(statement) ? "reading" : "writing", error);
}

int
sqlite_run(struct sqlite_store *store, enum statement which, const char *sql, struct api_error *error, const char *types,
    ...)
{
	sqlite3_stmt *statement;
	va_list arguments;
	int got;

	va_start(arguments, types);
	statement = query(store, which, sql, error, types, &arguments);
	va_end(arguments);
	if (statement == NULL)
		return -1;
	do
		got = sqlite_step(store, statement, error);
	while (got == 1);
	sqlite3_reset(statement);
	return got;
}

/* A file that was removed or replaced is still there for who has it open. */
static bool
sqlite_moved(struct store *base)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	int moved = 0;

	return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

/* Each call within a batch is a savepoint of it. When the library had to roll back the batch, its calls must not begin
 * transactions of their own. */
static int
save(struct sqlite_store *store, struct api_error *error)
{
	if (sqlite3_get_autocommit(store->db))
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s: the batch has been undone", store->path);
	return sqlite_run(store, STATEMENT_SAVE, "SAVEPOINT call", error, "");
}

int
sqlite_begin_read(struct sqlite_store *store, struct api_error *error)
{
	if (store->batch)
		return save(store, error);
	return sqlite_run(store, STATEMENT_BEGIN_READ, "BEGIN", error, "");
}

/* What is written to a file that was removed or replaced would be lost. Asked once the writer's lock is held: whoever
 * replaces a store holds it meanwhile. */
static int
check_in_place(struct sqlite_store *store, struct api_error *error)
{
	if (!sqlite_moved(&store->base))
		return 0;
	sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return api_fail(error, API_UNAVAILABLE, "Store %.1000s: was removed or replaced meanwhile; try again", store->path);
}

int
sqlite_begin_write(struct sqlite_store *store, struct api_error *error)
{
	if (store->batch)
		return save(store, error);
	/* IMMEDIATE takes the writer's lock now, where waiting is safe: a reader that becomes a writer fails instead. */
	if (sqlite_run(store, STATEMENT_BEGIN_WRITE, "BEGIN IMMEDIATE", error, "") == -1)
		return -1;
	return check_in_place(store, error);
}

static int
finish_call(struct sqlite_store *store, int result, struct api_error *error)
{
	if (result == 0)
		return sqlite_run(store, STATEMENT_RELEASE, "RELEASE call", error, "");
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK TO call; RELEASE call", NULL, NULL, NULL);
	return result;
}

int
sqlite_finish(struct sqlite_store *store, int result, struct api_error *error)
{
	if (store->batch)
		return finish_call(store, result, error);
	if (result == 0 && sqlite_run(store, STATEMENT_COMMIT, "COMMIT", error, "") == 0)
		return 0;
	/* Some errors have rolled back already. One here leaves nothing committed either way. */
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
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
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

static int
sqlite_commit(struct store *base, struct api_error *error)
{
	struct sqlite_store *store = (struct sqlite_store *)base;

	store->batch = false;
	if (sqlite3_get_autocommit(store->db))
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s: the batch has been undone", store->path);
	return sqlite_finish(store, 0, error);
}

bool
sqlite_row_has(const struct sqlite_row *row, int column)
{
	return sqlite3_column_type(row->statement, column) != SQLITE_NULL;
}

void
sqlite_row_bad(struct sqlite_row *row, int column, const char *why)
{
	if (row->bad)
		return;
	row->bad = true;
	api_fail(row->error, API_INTERNAL, "Store %.1000s: column %s of a record holds %s: was the file edited?",
	    row->store->path, sqlite3_column_name(row->statement, column), why);
}

void
sqlite_row_no_memory(struct sqlite_row *row)
{
	if (row->bad)
		return;
	row->bad = true;
	api_fail_memory(row->error);
}

const char *
sqlite_row_text(struct sqlite_row *row, int column, size_t max)
{
	const char *text;
	size_t length;

	if (!sqlite_row_has(row, column))
		return NULL;
	if (sqlite3_column_type(row->statement, column) != SQLITE_TEXT) {
		sqlite_row_bad(row, column, "something else than text");
		return NULL;
	}
	text = (const char *)sqlite3_column_text(row->statement, column);
	length = (size_t)sqlite3_column_bytes(row->statement, column);
	if (text == NULL)
		sqlite_row_no_memory(row);
	else if (length > max)
		sqlite_row_bad(row, column, "more than it may");
	else if (strlen(text) != length)
		sqlite_row_bad(row, column, "a NUL");
	else if (!text_is_utf8(text, length, NULL))
		sqlite_row_bad(row, column, "bytes that are not UTF-8");
	else
		return text;
	return NULL;
}

char *
sqlite_row_dup(struct sqlite_row *row, int column, size_t max)
{
	const char *text = sqlite_row_text(row, column, max);
	char *copy;

	if (text == NULL)
		return NULL;
	copy = strdup(text);
	if (copy == NULL)
		sqlite_row_no_memory(row);
	return copy;
}

void
sqlite_row_copy(struct sqlite_row *row, int column, char *to, size_t max)
{
	const char *text = sqlite_row_text(row, column, max);

	snprintf(to, max + 1, "%s", text == NULL ? "" : text);
}

uint32_t
sqlite_row_u32(struct sqlite_row *row, int column)
{
	sqlite3_int64 value = sqlite3_column_int64(row->statement, column);

	if (sqlite3_column_type(row->statement, column) != SQLITE_INTEGER || value < 0 || value > UINT32_MAX) {
		sqlite_row_bad(row, column, "something else than an id of 32 bits");
		return ID_NONE;
	}
	return (uint32_t)value;
}

enum home_type
sqlite_row_home_type(struct sqlite_row *row, int column)
{
	const char *text = sqlite_row_text(row, column, 16);

	if (text == NULL)
		return HOME_NOT_GIVEN;
	if (strcmp(text, "PATH") == 0)
		return HOME_PATH;
	if (strcmp(text, "LOGICAL") == 0)
		return HOME_LOGICAL;
	sqlite_row_bad(row, column, "something else than PATH or LOGICAL");
	return HOME_NOT_GIVEN;
}

static void
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

static const struct store_operations OPERATIONS = {
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

/* Makes the schema in the new, empty draft of a store, and leaves a file that stands by itself: no log beside it. */
static int
make_schema(const char *draft, const char *path, struct api_error *error)
{
	struct sqlite_store store = { .path = (char *)path };
	char mark[96];
	int result = -1;

	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
	    SCHEMA_VERSION);
	if (sqlite3_open_v2(draft, &store.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(store.db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN", NULL, NULL, NULL) !=
	        SQLITE_OK ||
	    sqlite3_exec(store.db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store.db, mark, NULL, NULL, NULL) != SQLITE_OK)
		sqlite_fail(&store, "making the store", error);
	else
		result = 0;
	sqlite3_close(store.db);
	return result;
}

/* The directory's owner is who runs the agent: a store that root made there must be that user's. */
static int
give_to_owner(int file, int directory)
{
	struct stat status;

	if (fchmod(file, MODE_PRIVATE) == -1)
		return -1;
	if (geteuid() != 0)
		return 0;
	if (fstat(directory, &status) == -1)
		return -1;
	return fchown(file, status.st_uid, status.st_gid);
}

/* The log of a store that is gone would be replayed into the new one, and bring back what it held. */
static int
check_no_log(const char *path, struct api_error *error)
{
	static const char *const SUFFIXES[] = { "-wal", "-journal" };
	char log[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++) {
		snprintf(log, sizeof(log), "%s%s", path, SUFFIXES[i]);
		/* Unless somebody has made the store meanwhile: then it is that one's. */
		if (access(log, F_OK) == 0 && access(path, F_OK) == -1)
			return api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be made: an earlier store's %s is "
			    "still there; put that store back, or remove its log, too", path, log);
	}
	return 0;
}

/* With what the library leaves beside it when the disk is full. */
static void
remove_draft(const char *draft)
{
	static const char *const SUFFIXES[] = { "", "-journal", "-wal", "-shm" };
	char name[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++) {
		snprintf(name, sizeof(name), "%s%s", draft, SUFFIXES[i]);
		unlink(name);
	}
}

/* Makes the file under a name of its own and links it into place whole: nobody ever sees half a store, and of two that make
 * it at once one wins. */
static int
make_store(const char *path, struct api_error *error)
{
	char draft[PATH_MAX], folder[PATH_MAX];
	int file = -1, directory, result = -1;

	if (snprintf(draft, sizeof(draft), "%s.XXXXXX", path) >= (int)sizeof(draft))
		return api_fail(error, API_UNAVAILABLE, "Store %.200s…: the path is too long", path);
	if (check_no_log(path, error) == -1)
		return -1;
	snprintf(folder, sizeof(folder), "%s", path);
	directory = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory != -1)
		file = mkostemp(draft, O_CLOEXEC);
	if (file == -1 || give_to_owner(file, directory) == -1) {
		api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be made: %s", path, strerror(errno));
		goto out;
	}
	if (make_schema(draft, path, error) == -1)
		goto out;
	if ((link(draft, path) == -1 && errno != EEXIST) || fsync(directory) == -1) {
		api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be made: %s", path, strerror(errno));
		goto out;
	}
	result = 0;
out:
	if (file != -1) {
		remove_draft(draft);
		close(file);
	}
	if (directory != -1)
		close(directory);
	return result;
}

/* Waits for the other writer, in small steps: the library's own grow to 100 ms, and a writer that commits batch after batch
 * would be seen idle by chance alone. */
static int
wait_for_writer(void *context, int waited)
{
	const struct timespec step = { .tv_nsec = WRITER_STEP_MS * 1000000L };

	(void)context;
	if (waited >= WRITER_WAIT_MS / WRITER_STEP_MS)
		return 0;
	nanosleep(&step, NULL);
	return 1;
}

static int
set_waiting(struct sqlite_store *store, enum store_mode mode)
{
	if (mode == STORE_READ)
		return sqlite3_busy_timeout(store->db, READER_WAIT_MS);
	return sqlite3_busy_handler(store->db, wait_for_writer, NULL);
}

/* The number that a PRAGMA answers with. */
static int
pragma_number(struct sqlite_store *store, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int result = -1;

	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		result = 0;
	}
	sqlite3_finalize(statement);
	return result;
}

static int
check_header(struct sqlite_store *store, struct api_error *error)
{
	int64_t application, version;

	if (pragma_number(store, "PRAGMA application_id", &application) == -1 ||
	    pragma_number(store, "PRAGMA user_version", &version) == -1)
		return sqlite_fail(store, "can't be read", error);
	if (application != APPLICATION_ID)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store", store->path);
	if (version > SCHEMA_VERSION)
		return api_fail(error, API_UNAVAILABLE,
		    "Store %.1000s was made by a newer Berth: schema %lld, this one knows %d", store->path,
		    (long long)version, SCHEMA_VERSION);
	if (version != SCHEMA_VERSION)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store: schema %lld", store->path,
		    (long long)version);
	return 0;
}

/* The file's own schema is not trusted: nothing it brings (triggers, views, functions in expressions) may act. */
static int
set_up(struct sqlite_store *store, enum store_mode mode, struct api_error *error)
{
	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
	if (set_waiting(store, mode) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON", NULL,
	        NULL, NULL) != SQLITE_OK)
		return sqlite_fail(store, "setting up", error);
	if (check_header(store, error) == -1)
		return -1;
	if (mode != STORE_READ && sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(store, "setting up", error);
	return 0;
}

static int
check_file(const char *path, enum store_mode mode, struct api_error *error)
{
	struct stat status;

	if (path[0] != '/')
		return api_fail(error, API_INVALID_REQUEST,
		    "Store: \"sqlite:%.200s\" is not an absolute path; it is written sqlite:/ABSOLUTE/PATH", path);
	if (stat(path, &status) == 0) {
		if (S_ISREG(status.st_mode))
			return 0;
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s is not a Berth store: it is not a regular file",
		    path);
	}
	if (errno != ENOENT)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s: %s", path, strerror(errno));
	if (mode == STORE_CREATE)
		return make_store(path, error);
	return api_fail(error, API_UNAVAILABLE, "Store %.1000s: no such store; the first create-server makes it", path);
}

/* open_failed: SQLite's own text says that it is so; the system's error says why. */
static void
open_failed(struct sqlite_store *store, struct api_error *error)
{
	int cause = store->db != NULL ? sqlite3_system_errno(store->db) : 0;

	if (cause == 0)
		sqlite_fail(store, "can't be opened", error);
	else
		api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be opened: %s", store->path, strerror(cause));
}

int
sqlite_open(const char *path, enum store_mode mode, struct store **opened, struct api_error *error)
{
	int flags = mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	struct sqlite_store *store;

	if (check_file(path, mode, error) == -1)
		return -1;
	store = calloc(1, sizeof(*store));
	if (store == NULL || (store->path = strdup(path)) == NULL) {
		free(store);
		return api_fail_memory(error);
	}
	store->base.operations = &OPERATIONS;
	if (sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		open_failed(store, error);
	else if (set_up(store, mode, error) == 0) {
		*opened = &store->base;
		return 0;
	}
	sqlite_close(&store->base);
	return -1;
}
