/*
 * Which lines of the transfer log are shown. A line is whatever somebody wrote into a file: it counts as an event only when
 * it is one whole JSON object with an operation.
 */
#ifndef BERTH_TAIL_FILTER_H
#define BERTH_TAIL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/wire/event.h"

#define TAIL_TIME_SIZE sizeof("2026-11-22T10:30:00.123456Z")

/* Strings are the caller's; NULL or 0: any. */
struct tail_filter {
	const char *user, *session, *server; /* of letters, digits, '_', '-', '.' and '@' alone: nothing that JSON escapes */
	uint32_t operations;                 /* tail_operation_bit() of each */
	bool complete;                       /* transfers that are whole, and nothing else */
	char since[TAIL_TIME_SIZE];          /* as the log's own times; "": from the start */
};

static inline uint32_t
tail_operation_bit(enum event_operation operation)
{
	return 1u << operation;
}

enum tail_verdict {
	TAIL_FITS,
	TAIL_OTHER,    /* an event that wasn't asked for */
	TAIL_LOST,     /* likewise by its operation, but it says that events of those asked for were lost */
	TAIL_UNSURE,   /* likewise, but it may be one of the transfers asked for: the end of one whose line was cut */
	TAIL_NO_EVENT, /* torn, or no event at all. Of a line that couldn't fit anyway this isn't always found out. */
};

/* tail_filter_judge: line NULL stands for one that is too long. With TAIL_FITS, TAIL_LOST and TAIL_UNSURE *event is the caller's to
 * delete, and NULL otherwise. */
enum tail_verdict tail_filter_judge(const struct tail_filter *filter, const char *line, size_t length, cJSON **event);

/* tail_event_string, tail_event_number: a member; "" and -1 when it is absent or of another kind. */
const char *tail_event_string(const cJSON *event, const char *name);
double tail_event_number(const cJSON *event, const char *name);

#endif
