/* A store to a file that stands by itself, and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/store/sqlite/sqlite_check.h"

static int
open_descriptor(int file, int flags, struct sqlite_store *store, struct api_error *error)
{
	const char *vfs = descriptor_vfs();
	char name[DESCRIPTOR_NAME_MAX];

	if (vfs == NULL)
		return api_fail_memory(error);
	snprintf(name, sizeof(name), "%d", file);
	if (sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK ||
	    sqlite_set_up_reader(store) != SQLITE_OK)
		return sqlite_fail(store, "can't be opened", error);
	return 0;
}

/* All of one into the other. Errors are the target's. */
static int
copy_database(sqlite3 *from, struct sqlite_store *to, const struct store_care *care, const char *step,
    struct api_error *error)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from, "main");
	int code = SQLITE_ERROR;

	if (backup != NULL) {
		code = copy_contents(backup, care, step);
		sqlite3_backup_finish(backup);
	}
	return code == SQLITE_OK ? 0 : sqlite_fail(to, "copying", error);
}

static int
write_copy(const struct sqlite_store *source, int file, const struct store_care *care, struct api_error *error)
{
	struct sqlite_store copy = { .path = (char *)"(the backup)" };
	int result = -1;

	if (open_descriptor(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &copy, error) == 0) {
		if (sqlite3_exec(copy.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) !=
		    SQLITE_OK)
			sqlite_fail(&copy, "setting up", error);
		else
			result = copy_database(source->db, &copy, care, "copying", error);
	}
	sqlite3_close(copy.db);
	return result;
}

/* The copy must be a whole store. When it isn't, nor is the original. */
static int
check_copy(const struct sqlite_store *source, int file, struct api_error *error)
{
	struct sqlite_store copy = { .path = (char *)"(the backup)" };
	sqlite3_stmt *statement = NULL;
	const char *text = NULL;
	int version, result = -1;

	if (open_descriptor(file, SQLITE_OPEN_READONLY, &copy, error) == 0 &&
	    sqlite_schema_check(&copy, &version, error) == 0) {
		if (sqlite3_prepare_v2(copy.db, "PRAGMA quick_check(1)", -1, &statement, NULL) == SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW)
			text = (const char *)sqlite3_column_text(statement, 0);
		if (text != NULL && strcmp(text, "ok") == 0)
			result = 0;
		else
			api_fail(error, API_INTERNAL, "Store %.1000s: is damaged: %.200s; see berth fsck", source->path,
			    text == NULL ? sqlite3_errmsg(copy.db) : text);
		sqlite3_finalize(statement);
	}
	sqlite3_close(copy.db);
	return result;
}

int
sqlite_backup(const char *path, int file, const struct store_care *care, struct api_error *error)
{
	struct sqlite_store *source;
	struct store *store;
	int result = -1;

	if (sqlite_open(path, STORE_READ, &store, error) == -1)
		return -1;
	source = (struct sqlite_store *)store;
	/* The first read decides which moment it is. */
	if (sqlite3_exec(source->db, "BEGIN; SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK)
		sqlite_fail(source, "reading", error);
	else if (write_copy(source, file, care, error) == 0 && check_copy(source, file, error) == 0) {
		result = fsync(file);
		if (result == -1)
			api_fail(error, API_UNAVAILABLE, "The backup can't be made durable: %s", strerror(errno));
	}
	store_close(store);
	return result;
}

/* The backup in a file of our own: nobody changes it any more, and an older schema can be brought to this one. */
static int
take_over(struct sqlite_store *scratch, int file, const struct store_care *care, struct api_error *error)
{
	struct sqlite_store backup = { .path = scratch->path };
	int result = -1, version;

	if (open_descriptor(file, SQLITE_OPEN_READONLY, &backup, error) == 0 &&
	    copy_database(backup.db, scratch, care, "reading", error) == 0)
		result = sqlite_schema_check(scratch, &version, error);
	sqlite3_close(backup.db);
	return result;
}

static int
judge_backup(struct sqlite_store *scratch, const struct store_care *care, struct api_error *error)
{
	struct store_findings findings;
	int version;

	if (check_all(scratch->db, scratch->path, care, NULL, &findings, error) == -1)
		return -1;
	if (findings.faults > 0)
		return api_fail(error, API_INVALID_REQUEST, "%.1000s has faults, and is not restored", scratch->path);
	if (sqlite_schema_check(scratch, &version, error) == -1)
		return -1;
	if (sqlite3_exec(scratch->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite_schema_apply(scratch->db, version, 0) != SQLITE_OK ||
	    sqlite3_exec(scratch->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(scratch, "can't be brought to this release's schema", error);
	return 0;
}

/* A file that is no store any more can't be written as one: it goes out of the way, and a new one is made. */
static int
put_anew(const char *path, sqlite3 *contents, bool move, char *kept, struct api_error *error)
{
	int result;

	if (move && replace_move(path, "before-restore", kept, error) == -1)
		return -1;
	result = sqlite_make(path, contents, error);
	if (result == 1)
		return api_fail(error, API_UNAVAILABLE, "Store %.1000s: was made by somebody else meanwhile; try again",
		    path);
	if (result == -1 && move)
		replace_move_back(path, kept, error);
	return result;
}

static int
put(const char *path, sqlite3 *contents, const struct store_care *care, char *kept, struct api_error *error)
{
	struct replace replace;
	int result;

	if (sqlite_check_path(path, error) == -1)
		return error->code == API_NOT_FOUND ? put_anew(path, contents, false, kept, error) : -1;
	result = replace_begin(&replace, path, contents, error);
	if (result == 0)
		result = replace_commit(&replace, "before-restore", care, kept, error);
	replace_end(&replace);
	return result == 1 ? put_anew(path, contents, true, kept, error) : result;
}

int
sqlite_restore(const char *path, int file, const char *name, const struct store_care *care, char *kept,
    struct api_error *error)
{
	struct sqlite_store scratch = { .path = (char *)name };
	int result = -1;

	kept[0] = '\0';
	scratch.db = scratch_open(path, error);
	if (scratch.db != NULL && take_over(&scratch, file, care, error) == 0 && judge_backup(&scratch, care, error) == 0)
		result = put(path, scratch.db, care, kept, error);
	sqlite3_close(scratch.db);
	return result;
}
