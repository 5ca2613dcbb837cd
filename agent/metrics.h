/*
 * What the agent counts, and what it says of itself when it is asked WIRE_STATUS (`berth status`). A reload keeps the
 * counts. They cost a lookup two readings of the clock and a handful of additions.
 *
 * Since the agent's start:
 *
 *   uptime_seconds
 *   requests_passwd_by_name, requests_passwd_by_uid, requests_group, requests_initgroups, requests_keys,
 *   requests_session, requests_events, requests_status
 *                           requests answered, by verb; an accepted WIRE_EVENTS is answered by the transfer log
 *   requests_other          no verb of these; or answered before it was read: BUSY, no request at all
 *   answers_ok, answers_not_found, answers_refused, answers_denied, answers_unavailable, answers_busy, answers_bad
 *                           the same requests, by what they were answered with
 *   lookups                 those of the first six verbs that were answered OK, NOT_FOUND, REFUSED or UNAVAILABLE
 *   hits                    of these: answered at once from the store, or a fresh record of the cache; NOT_FOUND, too
 *   waited                  of these: had to wait for a record to be fetched, whatever came of it
 *   stale                   of these: answered with a record of the cache that was too old, as no other was to be had
 *   fetches                 a store kept elsewhere was asked for a record
 *   fetch_errors            of these: no usable answer, or it couldn't be kept
 *   store_openings          the store, or the cache, was opened
 *   store_errors            it couldn't be, or a record of it couldn't be read
 *   reloads, reload_errors  the configuration was taken over; or was wrong, and the old one stayed
 *   transfer_lines_written  of the transfer log, which are in its file
 *   transfer_lines_lost     of which sessions' helpers said that they are lost
 *
 * Now:
 *
 *   connections             that wait for their peer or for a record
 *   parked                  of these: for a record
 *   transfer_connections    sessions' helpers
 *   transfer_lines_waiting  for the transfer log's file
 *   transfer_failing        1: it can't be written
 *   store_down              1: the store isn't open, or one kept elsewhere doesn't answer and isn't asked for a moment
 *   store_probing           1: whether that one is well again is being found out
 *   memory_bytes            resident
 *   descriptors, descriptors_max
 *
 * Of the last five to ten minutes, in microseconds, from the request's last byte read to the answer's first byte sent:
 *
 *   latency_count, latency_p50_us, latency_p90_us, latency_p99_us, latency_max_us   lookups answered at once
 *   waited_count, waited_p50_us, waited_p90_us, waited_p99_us, waited_max_us        lookups that waited for a record
 */
#ifndef BERTH_AGENT_METRICS_H
#define BERTH_AGENT_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/protocol.h"
#include "common/wire/wire.h"

/* What is counted where it happens; the requests' own are metrics_answered()'s. */
enum metric {
	METRIC_FETCHES,
	METRIC_FETCH_ERRORS,
	METRIC_STORE_OPENINGS,
	METRIC_STORE_ERRORS,
	METRIC_RELOADS,
	METRIC_RELOAD_ERRORS,
	METRIC_TRANSFER_LINES_WRITTEN,
	METRIC_TRANSFER_LINES_LOST,
	METRIC_TRANSFER_LINES_WAITING,
	METRIC_TRANSFER_FAILING,
	METRIC_COUNT
};

/* Of any thread. metrics_set: what is so now, and not counted. */
void metrics_add(enum metric metric, uint64_t more);
void metrics_set(enum metric metric, uint64_t value);

/* The rest is for one thread, the loop's. */

/* metrics_start: the uptime begins. */
void metrics_start(void);
/* metrics_now: nanoseconds of CLOCK_MONOTONIC. */
int64_t metrics_now(void);

/* A request that is about to be answered. */
struct metrics_request {
	int64_t began; /* metrics_now() when it was read */
	uint16_t verb; /* 0: not known */
	bool waited, stale;
};

void metrics_answered(const struct metrics_request *request, enum wire_status status);

/* metrics_put: writes all that is counted here; returns how many there are. metrics_put_one: one that isn't. */
uint32_t metrics_put(struct wire_out *out);
void metrics_put_one(struct wire_out *out, const char *name, uint64_t value);

#endif
