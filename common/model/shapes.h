/*
 * Transfer's own shapes: what each member of a request may be, as one table (shapes.c) that one walk (shapes_check.c)
 * follows.
 */
#ifndef BERTH_SHAPES_H
#define BERTH_SHAPES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/model/error.h"

enum shape_kind {
	SHAPE_STRING,
	SHAPE_INTEGER,
	SHAPE_LIST,
	SHAPE_STRUCTURE,
	SHAPE_TIME, /* what timestamp_read() takes; only in answers, and so in the lines of an import */
};

struct shape_member;

/* min, max: characters of a string, value of an integer, items of a list; max 0: without bound. */
struct shape {
	enum shape_kind kind;
	int64_t min, max;
	const char *pattern;                     /* as the API's model writes it, for messages */
	bool (*matches)(const char *text);       /* the same as code; the whole text must match */
	const char *const *values;               /* an enum's, ended by NULL */
	const struct shape *item;                /* a list's */
	const struct shape_member *members;      /* a structure's, ended by a NULL name */
	bool closed;                             /* a whole shape's: members that its structures don't have are faults */
	const char *too_long;                    /* the service's own words for a string above max */
	const char *(*looks_like)(const char *); /* what a text that doesn't match seems to be, or NULL */
};

struct shape_member {
	const char *name;
	const struct shape *shape;
	bool required;
};

/* shapes_request: the shape of an operation's request, or NULL. For tests generated from the table, too. */
const struct shape *shapes_request(const char *operation);

/* shapes_has_member: whether the operation's request has such a member; false for an unknown operation. */
bool shapes_has_member(const char *operation, const char *name);

/* shapes_user_line: the shape of a line of an import: DescribeUser's User, of which keys' ids and dates may be missing. It
 * is closed: a member that is mistyped must not be lost. */
const struct shape *shapes_user_line(void);

/*
 * shapes_check: all the faults of a request, counted and worded as the service does, in one API_VALIDATION.
 * Absent and null are the same; members that the shape doesn't have are passed over unless it is closed. Returns 0 or -1.
 */
int shapes_check(const struct shape *shape, const cJSON *request, struct api_error *error);

#endif
