/*
 * Counters, and their text for Prometheus (exposition format 0.0.4). Any thread may count.
 */
#ifndef BERTH_METRICS_H
#define BERTH_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/model/error.h"

struct metrics;

struct metrics *metrics_new(void); /* NULL when memory is out */
void metrics_free(struct metrics *metrics);

/* metrics_call: operation: operation_number(), or -1 when it isn't known. */
void metrics_call(struct metrics *metrics, int operation, enum api_code code, int64_t microseconds);

/* What is known elsewhere when the text is made. */
struct metrics_now {
	unsigned connections, requests; /* open now; being answered now */
	unsigned long writes, commits;  /* calls_count()'s */
	unsigned long audit_lost;       /* lines that the audit log's file didn't take */
	unsigned long timed_out;        /* connections that were closed since they took too long */
};

/* metrics_text: malloc'ed, *length bytes; NULL when memory is out. */
char *metrics_text(struct metrics *metrics, const struct metrics_now *now, size_t *length);

#endif
