/*
 * Records that the cache has as they aren't any more, because it couldn't be written when that was learned: they aren't
 * served, however long the store elsewhere can't be asked. When there are too many to be named, none is trusted that was
 * fetched before.
 */
#ifndef BERTH_OUTDATED_H
#define BERTH_OUTDATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"

#define OUTDATED_NAMES 64

struct outdated {
	char names[OUTDATED_NAMES][USER_NAME_MAX + 1]; /* in no order */
	size_t count;
	int64_t all_before; /* milliseconds of CLOCK_MONOTONIC; 0: there was room for all of them */
};

/* A name is at most USER_NAME_MAX bytes long. */
void outdated_add(struct outdated *outdated, const char *name, int64_t now);
/* outdated_has: fetched: when what the cache has was asked for, in the same milliseconds, or earlier. */
bool outdated_has(const struct outdated *outdated, const char *name, int64_t fetched);
void outdated_remove(struct outdated *outdated, const char *name);

#endif
