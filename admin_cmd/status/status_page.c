/*
 * A line for each thing that may be well or not, and no line for what this host hasn't got.
 */
#include "admin_cmd/status/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/output.h"
#include "common/host/config_value.h"

#define VALUE_MAX 512
#define TIME_MAX  32

/* line: its text may hold what the agent sent. */
static int __attribute__((format(printf, 2, 3)))
line(const char *name, const char *format, ...)
{
	char value[VALUE_MAX], *safe;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	if ((safe = output_safe(value)) == NULL)
		return -1;
	printf("%-13s %s\n", name, safe);
	free(safe);
	return 0;
}

/* duration: the two largest units. */
static void
duration(uint64_t seconds, char text[TIME_MAX])
{
	if (seconds >= 86400)
		snprintf(text, TIME_MAX, "%" PRIu64 "d %" PRIu64 "h", seconds / 86400, seconds / 3600 % 24);
	else if (seconds >= 3600)
		snprintf(text, TIME_MAX, "%" PRIu64 "h %" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		snprintf(text, TIME_MAX, "%" PRIu64 "m %" PRIu64 "s", seconds / 60, seconds % 60);
	else
		snprintf(text, TIME_MAX, "%" PRIu64 "s", seconds);
}

static void
short_time(uint64_t microseconds, char text[TIME_MAX])
{
	if (microseconds < 1000)
		snprintf(text, TIME_MAX, "%" PRIu64 "us", microseconds);
	else if (microseconds < 1000000)
		snprintf(text, TIME_MAX, "%.1fms", (double)microseconds / 1e3);
	else
		snprintf(text, TIME_MAX, "%.1fs", (double)microseconds / 1e6);
}

static uint64_t
value(const struct host_status *status, const char *name)
{
	return agent_status_value(&status->agent, name);
}

static int
print_agent(const struct host_status *status)
{
	char up[TIME_MAX];

	duration(value(status, "uptime_seconds"), up);
	return line("agent", "version %s, up %s, memory %.1f MiB, descriptors %" PRIu64 " of %" PRIu64,
	    status->agent.version, up, (double)value(status, "memory_bytes") / (1024 * 1024), value(status, "descriptors"),
	    value(status, "descriptors_max")) |
	    line("server", "%s", status->agent.server_id[0] != '\0' ? status->agent.server_id : "none") |
	    line("configuration", "reloaded %" PRIu64 " times, refused %" PRIu64 " times", value(status, "reloads"),
	    value(status, "reload_errors"));
}

static int
print_store(const struct host_status *status)
{
	const char *state = "answers";

	if (value(status, "store_down") != 0)
		state = "DOWN";
	else if (value(status, "store_probing") != 0)
		state = "DOWN, being tried again";
	return line("store", "%s: %s, opened %" PRIu64 " times, errors %" PRIu64, status->agent.store, state,
	    value(status, "store_openings"), value(status, "store_errors"));
}

static int
print_counts(const struct host_status *status)
{
	int result = 0;

	if (status->users >= 0)
		result = line("users", "%" PRId64 "%s", status->users, status->users_cached ? " cached" : "");
	if (status->sessions >= 0)
		result |= line("sessions", "%" PRId64, status->sessions);
	return result;
}

static int
print_lookups(const struct host_status *status)
{
	uint64_t lookups = value(status, "lookups"), up = value(status, "uptime_seconds"), hits = value(status, "hits");

	return line("lookups", "%" PRIu64 " (%.1f/s): hits %" PRIu64 " (%.1f %%), waited %" PRIu64 ", stale %" PRIu64,
	    lookups, (double)lookups / (double)(up > 0 ? up : 1), hits,
	    lookups > 0 ? 100.0 * (double)hits / (double)lookups : 0.0, value(status, "waited"), value(status, "stale")) |
	    line("answers", "ok %" PRIu64 ", not found %" PRIu64 ", refused %" PRIu64 ", unavailable %" PRIu64
	    ", denied %" PRIu64 ", busy %" PRIu64 ", bad %" PRIu64, value(status, "answers_ok"),
	    value(status, "answers_not_found"), value(status, "answers_refused"), value(status, "answers_unavailable"),
	    value(status, "answers_denied"), value(status, "answers_busy"), value(status, "answers_bad")) |
	    line("waiting now", "connections %" PRIu64 ", of them for a record %" PRIu64, value(status, "connections"),
	    value(status, "parked"));
}

/* print_times: "latency_p50_us" and so on. */
static int
print_times(const struct host_status *status, const char *name, const char *prefix)
{
	static const char *const QUANTILES[] = { "p50", "p90", "p99", "max" };
	char times[4][TIME_MAX], metric[STATUS_NAME_MAX + 1];
	uint64_t count;

	snprintf(metric, sizeof(metric), "%s_count", prefix);
	if ((count = value(status, metric)) == 0)
		return line(name, "no lookups in the last minutes");
	for (size_t i = 0; i < 4; i++) {
		snprintf(metric, sizeof(metric), "%s_%s_us", prefix, QUANTILES[i]);
		short_time(value(status, metric), times[i]);
	}
	return line(name, "p50 %s, p90 %s, p99 %s, max %s (%" PRIu64 " in the last minutes)", times[0], times[1], times[2],
	    times[3], count);
}

/* print_fetches: of a store kept elsewhere. */
static int
print_fetches(const struct host_status *status)
{
	if (strncmp(status->agent.store, CONFIG_REMOTE_STORE, strlen(CONFIG_REMOTE_STORE)) != 0)
		return 0;
	return print_times(status, "  that waited", "waited") |
	    line("fetches", "%" PRIu64 ", errors %" PRIu64, value(status, "fetches"), value(status, "fetch_errors"));
}

static int
print_transfer_log(const struct host_status *status)
{
	return line("transfer log",
	    "lines written %" PRIu64 ", waiting %" PRIu64 ", lost %" PRIu64 ", sessions %" PRIu64 "%s",
	    value(status, "transfer_lines_written"), value(status, "transfer_lines_waiting"),
	    value(status, "transfer_lines_lost"), value(status, "transfer_connections"),
	    value(status, "transfer_failing") != 0 ? "; CAN'T BE WRITTEN" : "");
}

int
status_print_page(const struct host_status *status)
{
	return print_agent(status) | print_store(status) | print_counts(status) | print_lookups(status) |
	    print_times(status, "latency", "latency") | print_fetches(status) | print_transfer_log(status);
}
