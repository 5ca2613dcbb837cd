/*
 * What is remembered of names for some seconds, in a table of fixed size, so that no flood of names can make it grow. A name
 * may push another one out, which is then asked for again.
 */
#ifndef BERTH_REMEMBERED_H
#define BERTH_REMEMBERED_H

#include <stdint.h>

#include "common/wire/limits.h"

#define REMEMBERED_NAMES 2048

enum remembered_what {
	REMEMBERED_NOTHING,
	REMEMBERED_MISSING, /* the store elsewhere has nobody of this name */
	REMEMBERED_FAILED,  /* it can't answer for this name, though it can for others */
};

struct remembered_name {
	char name[USER_NAME_MAX + 1];
	enum remembered_what what;
	int64_t until; /* milliseconds of CLOCK_MONOTONIC */
};

struct remembered {
	struct remembered_name names[REMEMBERED_NAMES];
};

/* name_hash: FNV-1a. */
static inline uint32_t
name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

/* A name is at most USER_NAME_MAX bytes long. */
void remembered_put(struct remembered *remembered, const char *name, enum remembered_what what, int64_t until);
enum remembered_what remembered_get(const struct remembered *remembered, const char *name, int64_t now);
void remembered_forget(struct remembered *remembered, const char *name);
void remembered_forget_all(struct remembered *remembered);

#endif
