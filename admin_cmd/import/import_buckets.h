/*
 * Buckets that Targets name and this host doesn't have: each is told of once.
 */
#ifndef BERTH_IMPORT_BUCKETS_H
#define BERTH_IMPORT_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_cmd/import/import_left.h"
#include "common/host/config.h"

#define IMPORT_BUCKETS_MAX 32 /* that are told of */

struct import_buckets {
	char *names[IMPORT_BUCKETS_MAX];
	size_t count;
};

/* import_buckets_check: of an absolute Target; one with a variable in its bucket's name can't be judged. is_path: it is a
 * path of this host, where the bucket is. */
void import_buckets_check(struct import_buckets *buckets, struct import_left *left, const struct config *config,
    const char *target, bool is_path);
void import_buckets_free(struct import_buckets *buckets);

#endif
