/*
 * What an operation becomes: an event of the transfer log, with its paths made absolute and mapped to the host, and its part
 * in the session's totals.
 */
#ifndef BERTH_REPORT_H
#define BERTH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/event.h"
#include "session_helper/places.h"
#include "session_helper/sftp_line.h"

/* report_sink: where events go. Gives the event its sequence and returns it; 0 when there was no room and it is lost. The
 * event and its strings are the caller's. */
typedef uint64_t report_sink(void *context, struct event *event);

struct report {
	const struct places *places;
	const char *directory; /* what relative paths begin at */
	report_sink *sink;
	void *context;
	struct event_totals totals;
	char path[EVENT_PATH_MAX + 1], new_path[EVENT_PATH_MAX + 1];
	char target[EVENT_TARGET_MAX + 1], new_target[EVENT_TARGET_MAX + 1];
};

/* An operation, as far as it is known. */
struct operation {
	enum event_operation operation;
	int64_t time;       /* microseconds since 1970 */
	uint32_t flags;     /* enum event_flag, but EVENT_COMPLETE: the status decides that */
	uint64_t bytes, duration;
	bool has_path, has_new_path;
	bool again;         /* an event said otherwise of this operation: it is counted already */
	bool again_failed;  /* that event's status wasn't "ok" */
	uint64_t corrects;  /* that event's sequence, 0 when it was lost */
	uint64_t sequence;  /* of its own event, once it is said */
	char reason[EVENT_STATUS_MAX + 1]; /* why it failed, as far as is known now; "": it didn't */
	char path[SFTP_LINE_MAX + 1], new_path[SFTP_LINE_MAX + 1]; /* names as sftp-server had them */
	char text[EVENT_TEXT_MAX + 1];
};

/* report_operation: says the operation as it is known now, and sets its sequence. */
void report_operation(struct report *report, struct operation *operation);

/* report_plain: an event of none of sftp's operations: of the session, or of what was lost. */
void report_plain(struct report *report, enum event_operation operation, int64_t time, uint64_t duration,
    const struct event_totals *totals);

#endif
