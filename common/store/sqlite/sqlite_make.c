/* Making a store's file, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/sqlite/sqlite_store.h"

#define MODE_PRIVATE 0600

static int
copy(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

	if (backup == NULL)
		return sqlite3_errcode(to);
	sqlite3_backup_step(backup, -1);
	return sqlite3_backup_finish(backup);
}

static int
make_schema(sqlite3 *db)
{
	int code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite_schema_apply(db, 0, 0);
	return code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
}

/* Fills the new, empty draft of a store, and leaves a file that stands by itself: no log beside it. The library would bring
 * the log into the file when it is closed, too, but doesn't tell when there is no room for that. */
static int
fill(const char *draft, const char *path, sqlite3 *contents, struct api_error *error)
{
	struct sqlite_store store = { .path = (char *)path };
	int result = -1;

	if (sqlite3_open_v2(draft, &store.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(store.db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK ||
	    (contents == NULL ? make_schema(store.db) : copy(contents, store.db)) != SQLITE_OK ||
	    sqlite3_wal_checkpoint_v2(store.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
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
int
sqlite_make(const char *path, sqlite3 *contents, struct api_error *error)
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
	if (fill(draft, path, contents, error) == -1)
		goto out;
	result = link(draft, path) == -1 ? -1 : 0;
	if (result == -1 && errno == EEXIST)
		result = 1;
	if (result == -1 || fsync(directory) == -1) {
		result = -1;
		api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be made: %s", path, strerror(errno));
		goto out;
	}
out:
	if (file != -1) {
		remove_draft(draft);
		close(file);
	}
	if (directory != -1)
		close(directory);
	return result;
}
