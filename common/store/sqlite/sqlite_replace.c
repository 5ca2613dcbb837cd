/* One database's contents into a store's place, and what was there to keep. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/store/sqlite/sqlite_check.h"

#define STEP_PAGES   1024 /* between two signs of life */
#define COPY_BYTES   65536
#define MODE_PRIVATE 0600
#define NAMES_MAX    1000

int
copy_contents(sqlite3_backup *backup, const struct store_care *care, const char *step)
{
	int code;

	while ((code = sqlite3_backup_step(backup, STEP_PAGES)) == SQLITE_OK)
		if (care->progress != NULL)
			care->progress(care->context, step,
			    (uint64_t)(sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup)),
			    (uint64_t)sqlite3_backup_pagecount(backup));
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

sqlite3 *
scratch_open(const char *path, struct api_error *error)
{
	struct sqlite_store store = { .path = (char *)path };
	char folder[PATH_MAX];

	/* The library's own directory may be too small, or shared. */
	snprintf(folder, sizeof(folder), "%s", path);
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%s", dirname(folder));
	if (sqlite3_open_v2("", &store.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ==
	        SQLITE_OK &&
	    sqlite_set_up_reader(&store) == SQLITE_OK &&
	    sqlite3_exec(store.db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON", NULL,
	        NULL, NULL) == SQLITE_OK)
		return store.db;
	sqlite_fail(&store, "making a temporary file", error);
	sqlite3_close(store.db);
	return NULL;
}

/* Whether the file is a Berth store. Whatever else is wrong with it doesn't matter: nothing in it is used. */
static int
open_target(struct sqlite_store *store, struct api_error *error)
{
	int version;

	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, "PRAGMA writable_schema = ON", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite_set_up_reader(store) != SQLITE_OK || sqlite_set_up_writer(store) != SQLITE_OK)
		return sqlite_fail(store, "can't be opened", error);
	return sqlite_schema_check(store, &version, error);
}

int
replace_begin(struct replace *replace, const char *path, sqlite3 *source, struct api_error *error)
{
	struct sqlite_store *store = &replace->store;
	int code;

	*replace = (struct replace){ .store = { .path = (char *)path } };
	if (open_target(store, error) == -1) {
		code = sqlite3_errcode(store->db) & 0xff;
		/* OK: the library has nothing against it, and we have. */
		return code == SQLITE_OK || code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? 1 : -1;
	}
	replace->backup = sqlite3_backup_init(store->db, "main", source, "main");
	/* No page yet: this takes the writer's lock, which lasts until the end. */
	if (replace->backup != NULL && sqlite3_backup_step(replace->backup, 0) != SQLITE_OK) {
		sqlite3_backup_finish(replace->backup);
		replace->backup = NULL;
	}
	if (replace->backup == NULL)
		return sqlite_fail(store, "can't be locked", error);
	if (sqlite_operations.moved(&store->base))
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s: was removed or replaced meanwhile; try again", path);
	return 0;
}

static int
commit(struct replace *replace, const struct store_care *care, struct api_error *error)
{
	int code = copy_contents(replace->backup, care, "writing"), finished = sqlite3_backup_finish(replace->backup);

	replace->backup = NULL;
	if (code != SQLITE_OK || finished != SQLITE_OK)
		return sqlite_fail(&replace->store, "writing", error);
	/* The log would stay as long as the store itself; when readers are in the way, the next writers see to it. */
	sqlite3_wal_checkpoint_v2(replace->store.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return 0;
}

void
replace_end(struct replace *replace)
{
	if (replace->backup != NULL)
		sqlite3_backup_finish(replace->backup);
	sqlite3_close(replace->store.db);
	if (replace->old_file > 0)
		close(replace->old_file);
	*replace = (struct replace){ .backup = NULL };
}

/* A name that isn't taken: with a number behind the time when it is. */
static int
name_kept(const char *path, const char *why, char *kept)
{
	time_t now = time(NULL);
	char stamp[32], number[16] = "", log[PATH_MAX + 8];
	struct tm utc;
	int i;

	if (gmtime_r(&now, &utc) == NULL || strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &utc) == 0)
		return -1;
	for (i = 2; i < NAMES_MAX; i++) {
		/* Room for the log's name, too. */
		if (snprintf(kept, PATH_MAX, "%s.%s-%s%s", path, why, stamp, number) >= PATH_MAX - 16) {
			errno = ENAMETOOLONG;
			return -1;
		}
		snprintf(log, sizeof(log), "%s-wal", kept);
		if (access(kept, F_OK) == -1 && access(log, F_OK) == -1)
			return 0;
		snprintf(number, sizeof(number), "-%d", i);
	}
	errno = EEXIST;
	return -1;
}

static int
copy_bytes(int from, int to)
{
	char buffer[COPY_BYTES];
	ssize_t got, put, done;

	while ((got = read(from, buffer, sizeof(buffer))) != 0) {
		if (got == -1 && errno != EINTR)
			return -1;
		for (done = 0; done < got; done += put)
			if ((put = write(to, buffer + done, (size_t)(got - done))) == -1) {
				if (errno != EINTR)
					return -1;
				put = 0;
			}
	}
	return fsync(to);
}

static int
copy_file(int from, const char *to_name)
{
	int to, result = -1, cause;

	to = open(to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_PRIVATE);
	if (to != -1)
		result = copy_bytes(from, to);
	cause = errno;
	if (to != -1) {
		close(to);
		if (result == -1)
			unlink(to_name);
	}
	errno = cause;
	return result;
}

static int
sync_folder(const char *path)
{
	char folder[PATH_MAX];
	int directory, result;

	snprintf(folder, sizeof(folder), "%s", path);
	directory = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory == -1)
		return -1;
	result = fsync(directory);
	close(directory);
	return result;
}

/* Leaves errno as it was. */
static void
remove_kept(const char *kept)
{
	char log[PATH_MAX + 8];
	int cause = errno;

	snprintf(log, sizeof(log), "%s-wal", kept);
	unlink(log);
	unlink(kept);
	errno = cause;
}

/* The log; there may be none. No lock depends on its descriptor. */
static int
copy_log(const char *path, const char *kept)
{
	char log[PATH_MAX + 8], kept_log[PATH_MAX + 8];
	int from, result, cause;

	snprintf(log, sizeof(log), "%s-wal", path);
	snprintf(kept_log, sizeof(kept_log), "%s-wal", kept);
	from = open(log, O_RDONLY | O_CLOEXEC);
	if (from == -1)
		return errno == ENOENT ? 0 : -1;
	result = copy_file(from, kept_log);
	cause = errno;
	close(from);
	errno = cause;
	return result;
}

/*
 * With its log: whoever opens the copy sees what this store held. Nobody writes meanwhile. Somebody may move pages from the
 * log into the file, but the log keeps them until the next writer begins it anew: so it is copied last.
 *
 * To close any descriptor of a file gives up all of the process's locks on it (fcntl(2)), those of the library too: another
 * process that ends would then take itself for the last one, and remove the log that we write to. So the file stays open
 * until the connection is closed.
 */
static int
keep(struct replace *replace, const char *why, char *kept, struct api_error *error)
{
	const char *path = replace->store.path;
	int result = name_kept(path, why, kept);

	if (result == 0 && (replace->old_file = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		replace->old_file = 0;
		result = -1;
	}
	if (result == 0 &&
	    (copy_file(replace->old_file, kept) == -1 || copy_log(path, kept) == -1 || sync_folder(path) == -1)) {
		remove_kept(kept);
		result = -1;
	}
	if (result == 0)
		return 0;
	api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be copied to %.1000s: %s", path, kept, strerror(errno));
	kept[0] = '\0';
	return -1;
}

/* What can't be synced may be on the disk all the same: should the host go down before somebody writes, the log as it is
 * found then counts. The old contents must not be gone by that time. */
static int
commit_failed(struct replace *replace, char *kept, struct api_error *error)
{
	const struct api_error why = *error;

	if ((sqlite3_errcode(replace->store.db) & 0xff) == SQLITE_IOERR)
		api_fail(error, why.code, "%.2000s; the store is as it was, of which %.1000s is a copy: should the host go "
		    "down now, the store may become the new one", why.message, kept);
	else
		remove_kept(kept);
	kept[0] = '\0';
	return -1;
}

int
replace_commit(struct replace *replace, const char *why, const struct store_care *care, char *kept,
    struct api_error *error)
{
	if (keep(replace, why, kept, error) == -1)
		return -1;
	return commit(replace, care, error) == 0 ? 0 : commit_failed(replace, kept, error);
}

/* The file last: a restore that is killed on the way can be made again, and what comes back has its log. */
static int
rename_all(const char *path, const char *to_path)
{
	static const char *const SUFFIXES[] = { "-shm", "-wal", "-journal", "" };
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++) {
		snprintf(from, sizeof(from), "%s%s", path, SUFFIXES[i]);
		snprintf(to, sizeof(to), "%s%s", to_path, SUFFIXES[i]);
		if (rename(from, to) == -1 && errno != ENOENT)
			return -1;
	}
	return sync_folder(path);
}

int
replace_move(const char *path, const char *why, char *kept, struct api_error *error)
{
	if (name_kept(path, why, kept) == 0 && rename_all(path, kept) == 0)
		return 0;
	return api_fail(error, API_UNAVAILABLE, "Store %.1000s: can't be moved to %.1000s: %s", path, kept, strerror(errno));
}

void
replace_move_back(const char *path, char *kept, struct api_error *error)
{
	const struct api_error why = *error;

	/* Somebody else may have made a store meanwhile. */
	if (access(path, F_OK) == 0 || rename_all(kept, path) == -1)
		api_fail(error, why.code, "%.2000s; what was in its place is %.1000s", why.message, kept);
	kept[0] = '\0';
}
