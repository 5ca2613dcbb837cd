/*
 * Users on their way into the store: some thousand are read first, then written together, so that the store's writer's lock
 * is held for moments, and never while input is awaited.
 */
#ifndef BERTH_IMPORT_BATCH_H
#define BERTH_IMPORT_BATCH_H

#include "admin_cmd/import/import_report.h"
#include "common/model/user_line.h"
#include "common/store/store.h"

struct import_target {
	struct store *store; /* NULL, in a dry run alone: there is nobody yet */
	const struct config *config;
	const char *server_id;
	const char *source; /* what a user comes from, in messages: "the line" */
	bool replace, dry_run;
};

struct import_batch;

struct import_batch *import_batch_new(const struct import_target *target, struct import_report *report);
void import_batch_free(struct import_batch *batch);

/* import_batch_add: a line, judged; what it says is copied. There must be room. */
void import_batch_add(struct import_batch *batch, size_t line, const char *text, size_t length);
/* import_batch_take: a user who was read and found good, of no one line; what *user holds goes over. There must be room. */
void import_batch_take(struct import_batch *batch, struct user_line *user);
/* import_batch_refuse: a line that is refused already. */
void import_batch_refuse(struct import_batch *batch, size_t line, const struct api_error *error);
bool import_batch_full(const struct import_batch *batch);
bool import_batch_empty(const struct import_batch *batch);

/*
 * import_batch_write: all that was added goes into the store and is counted and reported once it is there. Returns 0, or -1
 * with *error for a fault of the store: *committed is then the last line up to which all is in (it stays as it was when none
 * is), and the import can't go on.
 */
int import_batch_write(struct import_batch *batch, size_t *committed, struct api_error *error);

#endif
