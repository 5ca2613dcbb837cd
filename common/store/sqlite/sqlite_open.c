/* Opening a store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/store/sqlite/sqlite_store.h"

/* How long a writer waits for other writers. A reader waits only while another process recovers the log after a crash. */
#define WRITER_WAIT_MS 30000
#define WRITER_STEP_MS 2
#define READER_WAIT_MS 500

/* What a log that had to grow is cut down to. */
#define LOG_BYTES "16777216"

/* Above a user's 8 MiB of mappings; what is longer in the file is refused by the library before it is read. */
#define VALUE_BYTES_MAX (12 * 1024 * 1024)

/* Waits for the other writer, in small steps: the library's own grow to 100 ms, and a writer that commits batch after batch
 * would be seen idle by chance alone. */
static int
wait_for_writer(void *context, int waited)
{
	const struct timespec step = { .tv_nsec = WRITER_STEP_MS * 1000000L };
	const struct sqlite_store *store = context;

	if (waited >= store->writer_wait_ms / WRITER_STEP_MS)
		return 0;
	nanosleep(&step, NULL);
	return 1;
}

int
sqlite_set_up_reader(struct sqlite_store *store)
{
	int code;

	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
	if ((code = sqlite3_busy_timeout(store->db, READER_WAIT_MS)) != SQLITE_OK ||
	    (code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL)) != SQLITE_OK ||
	    (code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL)) != SQLITE_OK ||
	    (code = sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL)) != SQLITE_OK)
		return code;
	return sqlite3_exec(store->db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
}

int
sqlite_set_up_writer(struct sqlite_store *store)
{
	int code;

	store->writer_wait_ms = WRITER_WAIT_MS;
	if ((code = sqlite3_busy_handler(store->db, wait_for_writer, store)) != SQLITE_OK)
		return code;
	return sqlite3_exec(store->db, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = "
	    LOG_BYTES, NULL, NULL, NULL);
}

static int
set_up(struct sqlite_store *store, enum store_mode mode, struct api_error *error)
{
	if (sqlite_set_up_reader(store) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    (mode != STORE_READ && sqlite_set_up_writer(store) != SQLITE_OK))
		return sqlite_fail(store, "setting up", error);
	if (sqlite_schema_check(store, &store->version, error) == -1)
		return -1;
	if (mode == STORE_READ)
		return 0;
	if (sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(store, "setting up", error);
	return sqlite_schema_migrate(store, store->version, error);
}

int
sqlite_check_path(const char *path, struct api_error *error)
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
	if (errno == ENOENT)
		return api_fail(error, API_NOT_FOUND, "Store %.1000s: no such store; the first create-server makes it",
		    path);
	return api_fail(error, API_UNAVAILABLE, "Store %.1000s: %s", path, strerror(errno));
}

static int
check_file(const char *path, enum store_mode mode, struct api_error *error)
{
	if (sqlite_check_path(path, error) == 0)
		return 0;
	if (error->code == API_NOT_FOUND && mode == STORE_CREATE)
		return sqlite_make(path, NULL, error) == -1 ? -1 : 0;
	if (error->code == API_NOT_FOUND)
		error->code = API_UNAVAILABLE;
	return -1;
}

/* open_failed: SQLite's own text says that it is so; the system's error says why. */
static void
open_failed(struct sqlite_store *store, struct api_error *error)
{
	int cause = store->db != NULL ? sqlite3_system_errno(store->db) : 0;

	if (cause == 0)
		sqlite_fail(store, "can't be opened", error);
	else
		api_fail(error, API_UNAVAILABLE, "%s %.1000s: can't be opened: %s", sqlite_word(store), store->path,
		    strerror(cause));
}

int
sqlite_connect(struct sqlite_store *store, enum store_mode mode, struct api_error *error)
{
	int flags = mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;

	store->base.operations = &sqlite_operations;
	if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		return set_up(store, mode, error);
	open_failed(store, error);
	return -1;
}

int
sqlite_open(const char *path, enum store_mode mode, struct store **opened, struct api_error *error)
{
	struct sqlite_store *store;

	if (check_file(path, mode, error) == -1)
		return -1;
	store = calloc(1, sizeof(*store));
	if (store == NULL || (store->path = strdup(path)) == NULL) {
		free(store);
		return api_fail_memory(error);
	}
	if (sqlite_connect(store, mode, error) == 0) {
		*opened = &store->base;
		return 0;
	}
	sqlite_close(&store->base);
	return -1;
}
