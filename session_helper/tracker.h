/*
 * What one session's sftp processes did: lines in, events out. The processes are told apart by their pid, as several
 * channels can have one each. Which of their operations a failure belongs to is the status rule's to say.
 *
 * Bounded: TRACKER_PROCESSES processes and TRACKER_FILES open files; beyond these, events say less (no duration; the process
 * longest silent counts as gone), but none is missing.
 *
 * Times of lines are microseconds since 1970, when the line was sent; `now` is milliseconds of CLOCK_MONOTONIC.
 */
#ifndef BERTH_TRACKER_H
#define BERTH_TRACKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "session_helper/report.h"

#define TRACKER_PROCESSES 64
#define TRACKER_FILES     1024
/* How long an operation waits for its status before it counts as done. */
#define TRACKER_SETTLE_MS 250

struct tracker;

/* tracker_new: landing and places are not copied. NULL without memory. */
struct tracker *tracker_new(const char *landing, const struct places *places, report_sink *sink, void *context);
void tracker_free(struct tracker *tracker);

/* tracker_sealed: the session begins. `landed`: the landing directory is there, relative paths begin at it. Counts once. */
void tracker_sealed(struct tracker *tracker, int64_t time, bool landed);

/* tracker_lost: the session could not send this many lines. */
void tracker_lost(struct tracker *tracker, int64_t time, uint32_t lines);

void tracker_line(struct tracker *tracker, pid_t pid, const struct sftp_line *line, int64_t time, int64_t now);

/* tracker_due: when tracker_settle must be called next; INT64_MAX: not before another line. */
int64_t tracker_due(const struct tracker *tracker);
void tracker_settle(struct tracker *tracker, int64_t now);

/* tracker_finish: all processes are gone. What is undecided or unfinished is said, and the session's end. */
void tracker_finish(struct tracker *tracker, int64_t time);

#endif
