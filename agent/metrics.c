#include "agent/metrics.h"

#include <stdatomic.h>
#include <time.h>

#include "agent/histogram.h"

#define VERBS    (WIRE_STATUS + 1)
#define STATUSES (WIRE_BAD_REQUEST + 1)
#define SECOND   INT64_C(1000000000)

/* By wire_verb; the first one: none of them. */
static const char *const VERB_NAMES[VERBS] = {
	"requests_other", "requests_passwd_by_name", "requests_passwd_by_uid", "requests_group", "requests_initgroups",
	"requests_keys", "requests_session", "requests_events", "requests_status",
};
/* By wire_status. */
static const char *const STATUS_NAMES[STATUSES] = {
	"answers_ok", "answers_not_found", "answers_refused", "answers_denied", "answers_unavailable", "answers_busy",
	"answers_bad",
};
static const char *const NAMES[METRIC_COUNT] = {
	[METRIC_FETCHES] = "fetches",
	[METRIC_FETCH_ERRORS] = "fetch_errors",
	[METRIC_STORE_OPENINGS] = "store_openings",
	[METRIC_STORE_ERRORS] = "store_errors",
	[METRIC_RELOADS] = "reloads",
	[METRIC_RELOAD_ERRORS] = "reload_errors",
	[METRIC_TRANSFER_LINES_WRITTEN] = "transfer_lines_written",
	[METRIC_TRANSFER_LINES_LOST] = "transfer_lines_lost",
	[METRIC_TRANSFER_LINES_WAITING] = "transfer_lines_waiting",
	[METRIC_TRANSFER_FAILING] = "transfer_failing",
};
static const struct quantile {
	unsigned thousandths;
	const char *latency, *waited;
} QUANTILES[] = {
	{ 500, "latency_p50_us", "waited_p50_us" }, { 900, "latency_p90_us", "waited_p90_us" },
	{ 990, "latency_p99_us", "waited_p99_us" }, { 1000, "latency_max_us", "waited_max_us" },
};

/* The agent is one, and so are its counts. */
static _Atomic uint64_t counts[METRIC_COUNT];
static uint64_t verbs[VERBS], statuses[STATUSES], lookups, hits, waited, stale;
static struct histogram_window latencies, waits;
static int64_t started;

void
metrics_add(enum metric metric, uint64_t more)
{
	atomic_fetch_add_explicit(&counts[metric], more, memory_order_relaxed);
}

void
metrics_set(enum metric metric, uint64_t value)
{
	atomic_store_explicit(&counts[metric], value, memory_order_relaxed);
}

int64_t
metrics_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0;
	return now.tv_sec * SECOND + now.tv_nsec;
}

void
metrics_start(void)
{
	started = metrics_now();
}

static bool
is_lookup(uint16_t verb, enum wire_status status)
{
	return verb >= WIRE_PASSWD_BY_NAME && verb <= WIRE_SESSION &&
	    (status == WIRE_OK || status == WIRE_NOT_FOUND || status == WIRE_REFUSED || status == WIRE_UNAVAILABLE);
}

void
metrics_answered(const struct metrics_request *request, enum wire_status status)
{
	int64_t now;

	verbs[request->verb < VERBS ? request->verb : 0]++;
	statuses[status < STATUSES ? status : WIRE_BAD_REQUEST]++;
	if (!is_lookup(request->verb, status))
		return;
	lookups++;
	waited += request->waited;
	stale += request->stale;
	hits += !request->waited && !request->stale && status != WIRE_UNAVAILABLE;
	now = metrics_now();
	histogram_window_add(request->waited ? &waits : &latencies, now, now - request->began);
}

void
metrics_put_one(struct wire_out *out, const char *name, uint64_t value)
{
	wire_put_string(out, name);
	wire_put_u64(out, value);
}

static uint32_t
put_times(struct wire_out *out, struct histogram_window *window, int64_t now, bool of_waits)
{
	const uint32_t count = sizeof(QUANTILES) / sizeof(QUANTILES[0]);
	struct histogram times;
	int64_t time;

	histogram_window_read(window, now, &times);
	metrics_put_one(out, of_waits ? "waited_count" : "latency_count", times.count);
	for (uint32_t i = 0; i < count; i++) {
		time = histogram_quantile(&times, QUANTILES[i].thousandths);
		metrics_put_one(out, of_waits ? QUANTILES[i].waited : QUANTILES[i].latency, (uint64_t)(time + 500) / 1000);
	}
	return 1 + count;
}

uint32_t
metrics_put(struct wire_out *out)
{
	int64_t now = metrics_now();
	uint32_t count = 5;

	metrics_put_one(out, "uptime_seconds", (uint64_t)((now - started) / SECOND));
	metrics_put_one(out, "lookups", lookups);
	metrics_put_one(out, "hits", hits);
	metrics_put_one(out, "waited", waited);
	metrics_put_one(out, "stale", stale);
	for (unsigned i = 0; i < VERBS; i++, count++)
		metrics_put_one(out, VERB_NAMES[i], verbs[i]);
	for (unsigned i = 0; i < STATUSES; i++, count++)
		metrics_put_one(out, STATUS_NAMES[i], statuses[i]);
	for (unsigned i = 0; i < METRIC_COUNT; i++, count++)
		metrics_put_one(out, NAMES[i], atomic_load_explicit(&counts[i], memory_order_relaxed));
	count += put_times(out, &latencies, now, false);
	return count + put_times(out, &waits, now, true);
}
