#include <string.h>

#include "session_helper/report.h"

/* resolve: a name's path and target. Sets EVENT_CUT when the path didn't fit: it then has no target. */
static void
resolve(const struct report *report, const char *name, char *path, char *target, uint32_t *flags)
{
	if (places_resolve(report->directory, name, path, EVENT_PATH_MAX + 1)) {
		places_target(report->places, path, target, EVENT_TARGET_MAX + 1);
		return;
	}
	*target = '\0';
	*flags |= EVENT_CUT;
}

/* count_transfer: `counted` says that an earlier event took it for a whole one, with these bytes. */
static void
count_transfer(struct event_totals *totals, const struct event *event, bool counted)
{
	bool get = event->operation == EVENT_GET;
	uint64_t *files = get ? &totals->files_got : &totals->files_put;
	uint64_t *bytes = get ? &totals->bytes_got : &totals->bytes_put;

	*files += (event->flags & EVENT_COMPLETE) != 0;
	*files -= counted;
	if (!counted)
		*bytes += event->bytes;
}

static void
count(struct event_totals *totals, const struct operation *operation, const struct event *event)
{
	totals->operations += !operation->again;
	totals->failed += *operation->reason != '\0';
	totals->failed -= operation->again && operation->again_failed;
	if (event_operation_is_transfer(event->operation))
		count_transfer(totals, event, operation->again && !operation->again_failed);
}

static uint64_t
say(struct report *report, struct event *event)
{
	uint64_t sequence;

	if (event->time < 0)
		event->time = 0;
	sequence = report->sink(report->context, event);
	if (sequence == 0 && event->operation != EVENT_DROPPED)
		report->totals.dropped++;
	return sequence;
}

void
report_operation(struct report *report, struct operation *operation)
{
	struct event event = {
		.time = operation->time,
		.operation = operation->operation,
		.flags = operation->flags,
		.bytes = operation->bytes,
		.duration = operation->duration,
		.corrects = operation->corrects,
		.status = *operation->reason != '\0' ? operation->reason : EVENT_STATUS_OK,
		.path = "", .new_path = "", .target = "", .new_target = "",
		.text = operation->text,
	};

	if (event_operation_is_transfer(event.operation) && *operation->reason == '\0')
		event.flags |= EVENT_COMPLETE;
	if (operation->has_path) {
		resolve(report, operation->path, report->path, report->target, &event.flags);
		event.path = report->path;
		event.target = report->target;
	}
	if (operation->has_new_path) {
		resolve(report, operation->new_path, report->new_path, report->new_target, &event.flags);
		event.new_path = report->new_path;
		event.new_target = report->new_target;
	}
	count(&report->totals, operation, &event);
	operation->sequence = say(report, &event);
}

void
report_plain(struct report *report, enum event_operation operation, int64_t time, uint64_t duration,
    const struct event_totals *totals)
{
	struct event event = {
		.time = time,
		.operation = operation,
		.flags = operation == EVENT_SESSION_CLOSE ? EVENT_HAS_DURATION : 0,
		.duration = duration,
		.status = "", .path = "", .new_path = "", .target = "", .new_target = "", .text = "",
		.totals = *totals,
	};

	say(report, &event);
}
