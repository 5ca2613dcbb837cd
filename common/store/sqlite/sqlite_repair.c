/*
 * A new store of what is sound in a damaged one. Nothing is mended in place: what can't be trusted isn't written to, and
 * what comes out is what Berth itself would have written.
 */
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/sqlite_check.h"

struct repair {
	struct sqlite_store *rescue; /* the new store */
	struct replace replace;
	sqlite3 *source;
	struct store_findings left;
};

static void
ignore_fault(void *context, const struct store_fault *fault)
{
	(void)context;
	(void)fault;
}

static int
beyond_repair(struct api_error *error)
{
	const struct api_error why = *error;

	return api_fail(error, API_UNAVAILABLE, "%.2000s; it is beyond repair: berth restore puts a backup in its place",
	    why.message);
}

/* With a schema already: an empty database can't be the source of another's contents. */
static int
open_rescue(struct repair *repair, const char *path, struct api_error *error)
{
	struct sqlite_store *rescue = calloc(1, sizeof(*rescue));

	if (rescue == NULL || (rescue->path = strdup(path)) == NULL) {
		free(rescue);
		return api_fail_memory(error);
	}
	repair->rescue = rescue;
	rescue->base.operations = &sqlite_operations;
	rescue->db = scratch_open(path, error);
	if (rescue->db == NULL)
		return -1;
	if (sqlite_schema_apply(rescue->db, 0, 0) != SQLITE_OK)
		return sqlite_fail(rescue, "making a temporary file", error);
	return 0;
}

/* Without its two main tables there is nothing to go by, and "all users are gone" would be no repair. */
static int
open_source(struct repair *repair, const char *path, struct api_error *error)
{
	struct sqlite_store store = { .path = (char *)path };
	sqlite3_stmt *statement = NULL;

	store.db = repair->source = check_open(path, error);
	if (store.db == NULL)
		return -1;
	if (sqlite3_prepare_v2(store.db, "SELECT 1 FROM servers, users", -1, &statement, NULL) != SQLITE_OK) {
		sqlite_fail(&store, "its schema", error);
		return beyond_repair(error);
	}
	sqlite3_finalize(statement);
	return 0;
}

/* What is sound, as one transaction of the new store. */
static int
salvage(struct repair *repair, const char *path, const struct store_care *care, struct store_findings *findings,
    struct api_error *error)
{
	struct sqlite_store *rescue = repair->rescue;

	if (sqlite3_exec(rescue->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(rescue, "writing a temporary file", error);
	rescue->batch = true;
	if (check_all(repair->source, path, care, &rescue->base, findings, error) == -1)
		return -1;
	rescue->batch = false;
	if (rescue->spoiled || sqlite3_exec(rescue->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(rescue, "writing a temporary file", error);
	return 0;
}

/* Whether there were users, and none is left: an empty store would be no repair, and a backup is the way on. */
static bool
is_nothing_left(const struct repair *repair, const struct store_findings *findings)
{
	sqlite3_stmt *statement = NULL;
	int code = SQLITE_ERROR;

	if (findings->users > 0)
		return false;
	if (sqlite3_prepare_v2(repair->source, "SELECT 1 FROM users LIMIT 1", -1, &statement, NULL) == SQLITE_OK)
		code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code != SQLITE_DONE;
}

static int
check_rescue(struct repair *repair, const char *path, const struct store_care *care, struct api_error *error)
{
	struct store_care quiet = *care;

	quiet.report = ignore_fault;
	if (check_all(repair->rescue->db, path, &quiet, NULL, &repair->left, error) == -1)
		return -1;
	if (repair->left.faults > 0)
		return api_fail(error, API_INTERNAL, "Store %.1000s: what could be read of it has faults still; nothing was "
		    "changed", path);
	return 0;
}

static int
repair_locked(struct repair *repair, const char *path, const struct store_care *care, struct store_findings *findings,
    char *kept, struct api_error *error)
{
	if (open_source(repair, path, error) == -1 || salvage(repair, path, care, findings, error) == -1)
		return -1;
	if (findings->faults == 0)
		return 0;
	if (is_nothing_left(repair, findings)) {
		api_fail(error, API_UNAVAILABLE, "Store %.1000s: none of its users can be kept; nothing was changed", path);
		return beyond_repair(error);
	}
	if (check_rescue(repair, path, care, error) == -1)
		return -1;
	return replace_commit(&repair->replace, "damaged", care, kept, error);
}

int
sqlite_repair(const char *path, const struct store_care *care, struct store_findings *findings, char *kept,
    struct api_error *error)
{
	struct repair repair = { .rescue = NULL };
	int result = -1;

	kept[0] = '\0';
	if (sqlite_check_path(path, error) == -1 || open_rescue(&repair, path, error) == -1)
		goto out;
	result = replace_begin(&repair.replace, path, repair.rescue->db, error);
	if (result == 1)
		beyond_repair(error);
	result = result == 0 ? repair_locked(&repair, path, care, findings, kept, error) : -1;
out:
	sqlite3_close(repair.source);
	replace_end(&repair.replace);
	if (repair.rescue != NULL)
		sqlite_close(&repair.rescue->base);
	return result;
}
