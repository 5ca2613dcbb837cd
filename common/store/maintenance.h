/*
 * Keeping a store sound: checked, repaired, copied and put back while the agent and writers work on it.
 *
 * Each call opens the store itself; `spec` is the configuration's Store value. They return 0, or -1 with *error, and then
 * the store is as it was.
 */
#ifndef BERTH_STORE_MAINTENANCE_H
#define BERTH_STORE_MAINTENANCE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/host/config.h"
#include "common/model/error.h"

/* One fault. The texts are UTF-8 without control characters, and live only while it is reported; NULL: doesn't apply. */
struct store_fault {
	bool warning; /* nothing for a repair: a login judges it */
	const char *server_id, *user_name;
	const char *member;  /* in the API's words, or the file's: a table, an index */
	const char *problem;
	const char *repair;  /* what a repair does about it: "the key is dropped" */
};

/* Who looks after a store, and wants to know. */
struct store_care {
	const struct config *config; /* MinUid, MinGid, MinRsaBits, for warnings */
	void (*report)(void *context, const struct store_fault *fault);
	/* progress: often, so that it must be cheap; total 0: nobody knows. */
	void (*progress)(void *context, const char *step, uint64_t done, uint64_t total);
	void *context;
};

struct store_findings {
	uint64_t servers, users, faults, warnings;
};

/*
 * store_check: reads all of it, as it is at one moment, and judges each record as the model would when it is written. Memory
 * doesn't grow with the number of users. -1: it can't be checked.
 */
int store_check(const char *spec, const struct store_care *care, struct store_findings *findings, struct api_error *error);

/*
 * store_repair: makes a new store of what is sound in this one, in an unnamed file beside it, checks that, and puts it in
 * the place of the old contents in one transaction. Writers wait meanwhile; readers see the old contents, then the new.
 * What was there before is first copied to kept (PATH_MAX bytes; "" when nothing had to be repaired). *findings is what was
 * wrong before.
 */
int store_repair(const char *spec, const struct store_care *care, struct store_findings *findings, char *kept,
    struct api_error *error);

/* store_backup: the store as it is at one moment into `file`, an empty regular file open for reading and writing; one that
 * stands by itself, checked and durable on return. The caller makes its name durable, and removes it on -1. */
int store_backup(const char *spec, int file, const struct store_care *care, struct api_error *error);

/*
 * store_restore: checks the backup in `file`, open for reading and called `name`, and puts it in the place of the store's
 * contents in one transaction, as a repair does; makes the store when there is none. What was there before is first copied
 * to kept (PATH_MAX bytes; "" when there was nothing). A backup with faults is refused: API_INVALID_REQUEST, after each has
 * been reported.
 */
int store_restore(const char *spec, int file, const char *name, const struct store_care *care, char *kept,
    struct api_error *error);

#endif
