/*
 * Counting, and the counts as text. What is read while others count may be a call ahead in one line of the text and not in
 * another; within a histogram the count is the sum of what was read.
 */
#include "api_server/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/model/operations.h"

#define UNKNOWN     OPERATION_COUNT /* the place of calls whose operation isn't known */
#define MICROSECONDS 1000000

/* Upper bounds in microseconds, as text in seconds. */
static const struct bound {
	int64_t microseconds;
	const char *seconds;
} BOUNDS[] = {
	{ 500, "0.0005" }, { 1000, "0.001" }, { 5000, "0.005" }, { 25000, "0.025" }, { 100000, "0.1" }, { 500000, "0.5" },
	{ 2500000, "2.5" }, { 10000000, "10" },
};
#define BOUND_COUNT (sizeof(BOUNDS) / sizeof(*BOUNDS))

enum kind { KIND_READ, KIND_WRITE, KIND_UNKNOWN, KIND_COUNT };

static const char *const KINDS[KIND_COUNT] = { "read", "write", "unknown" };

struct histogram {
	atomic_ulong buckets[BOUND_COUNT + 1]; /* each for itself, not cumulated; the last: slower than all bounds */
	atomic_ulong microseconds;
};

struct metrics {
	atomic_ulong requests[OPERATION_COUNT + 1][API_CODE_COUNT];
	struct histogram seconds[KIND_COUNT];
};

struct metrics *
metrics_new(void)
{
	return calloc(1, sizeof(struct metrics));
}

void
metrics_free(struct metrics *metrics)
{
	free(metrics);
}

static void
count(atomic_ulong *counter, unsigned long more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static unsigned long
counted(atomic_ulong *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static enum kind
kind_of(int operation)
{
	if (operation == UNKNOWN)
		return KIND_UNKNOWN;
	return operation_writes(operation_name(operation)) ? KIND_WRITE : KIND_READ;
}

void
metrics_call(struct metrics *metrics, int operation, enum api_code code, int64_t microseconds)
{
	int place = operation >= 0 && operation < OPERATION_COUNT ? operation : UNKNOWN;
	struct histogram *histogram = &metrics->seconds[kind_of(place)];
	size_t bucket = 0;

	if (microseconds < 0)
		microseconds = 0;
	while (bucket < BOUND_COUNT && microseconds > BOUNDS[bucket].microseconds)
		bucket++;
	count(&metrics->requests[place][(unsigned)code < API_CODE_COUNT ? code : API_INTERNAL], 1);
	count(&histogram->buckets[bucket], 1);
	count(&histogram->microseconds, (unsigned long)microseconds);
}

/* put_requests: of every operation the count of those done, be it 0; of refusals what there was. */
static void
put_requests(struct metrics *metrics, FILE *text)
{
	unsigned long number;

	fputs("# HELP berth_api_requests_total Calls answered, by operation and result.\n"
	    "# TYPE berth_api_requests_total counter\n", text);
	for (int operation = 0; operation <= OPERATION_COUNT; operation++) {
		for (int code = 0; code < API_CODE_COUNT; code++) {
			number = counted(&metrics->requests[operation][code]);
			if (number == 0 && (code != API_OK || operation == UNKNOWN))
				continue;
			fprintf(text, "berth_api_requests_total{operation=\"%s\",result=\"%s\"} %lu\n",
			    operation == UNKNOWN ? "unknown" : operation_name(operation),
			    code == API_OK ? "ok" : api_error_name((enum api_code)code), number);
		}
	}
}

static void
put_histogram(struct histogram *histogram, const char *kind, FILE *text)
{
	unsigned long total = 0, microseconds = counted(&histogram->microseconds);

	for (size_t i = 0; i <= BOUND_COUNT; i++) {
		total += counted(&histogram->buckets[i]);
		fprintf(text, "berth_api_request_seconds_bucket{kind=\"%s\",le=\"%s\"} %lu\n", kind,
		    i < BOUND_COUNT ? BOUNDS[i].seconds : "+Inf", total);
	}
	fprintf(text, "berth_api_request_seconds_sum{kind=\"%s\"} %lu.%06lu\n", kind, microseconds / MICROSECONDS,
	    microseconds % MICROSECONDS);
	fprintf(text, "berth_api_request_seconds_count{kind=\"%s\"} %lu\n", kind, total);
}

static void
put_seconds(struct metrics *metrics, FILE *text)
{
	fputs("# HELP berth_api_request_seconds From a request's headers to its answer, by what its operation does.\n"
	    "# TYPE berth_api_request_seconds histogram\n", text);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		put_histogram(&metrics->seconds[kind], KINDS[kind], text);
}

static void
put_one(FILE *text, const char *name, const char *type, const char *help, unsigned long value)
{
	fprintf(text, "# HELP %s %s\n# TYPE %s %s\n%s %lu\n", name, help, name, type, name, value);
}

static void
put_now(const struct metrics_now *now, FILE *text)
{
	put_one(text, "berth_api_connections", "gauge", "Connections open now.", now->connections);
	put_one(text, "berth_api_requests_in_progress", "gauge", "Requests being answered now.", now->requests);
	put_one(text, "berth_api_writes_total", "counter", "Calls that changed the store.", now->writes);
	put_one(text, "berth_api_commits_total", "counter", "Commits that these took.", now->commits);
	put_one(text, "berth_api_audit_lines_lost_total", "counter", "Lines that the audit log's file did not take.",
	    now->audit_lost);
	put_one(text, "berth_api_connections_timed_out_total", "counter", "Connections closed since they took too long.",
	    now->timed_out);
	fputs("# HELP berth_build_info What runs.\n# TYPE berth_build_info gauge\n"
	    "berth_build_info{version=\"" BERTH_VERSION "\"} 1\n", text);
}

char *
metrics_text(struct metrics *metrics, const struct metrics_now *now, size_t *length)
{
	char *bytes = NULL;
	FILE *text = open_memstream(&bytes, length);
	bool whole;

	if (text == NULL)
		return NULL;
	put_requests(metrics, text);
	put_seconds(metrics, text);
	put_now(now, text);
	whole = !ferror(text);
	if (fclose(text) == 0 && whole)
		return bytes;
	free(bytes);
	return NULL;
}
