#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "session_helper/process.h"
#include "session_helper/status_rule.h"
#include "session_helper/tracker.h"

/* Files that could not be opened, kept for a close that proves otherwise. */
#define REFUSED_MAX 16

struct tracker {
	struct report report;
	const char *landing;
	bool open, sealed;
	int64_t opened;
	uint64_t lines;
	struct process *processes[TRACKER_PROCESSES];
	size_t process_count;
};

struct tracker *
tracker_new(const char *landing, const struct places *places, report_sink *sink, void *context)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));

	if (tracker == NULL)
		return NULL;
	tracker->landing = landing;
	tracker->report.places = places;
	tracker->report.directory = "/";
	tracker->report.sink = sink;
	tracker->report.context = context;
	return tracker;
}

void
tracker_free(struct tracker *tracker)
{
	if (tracker == NULL)
		return;
	for (size_t i = 0; i < tracker->process_count; i++)
		process_free(tracker->processes[i]);
	free(tracker);
}

static void
open_session(struct tracker *tracker, int64_t time)
{
	static const struct event_totals none;

	if (tracker->open)
		return;
	tracker->open = true;
	tracker->opened = time;
	report_plain(&tracker->report, EVENT_SESSION_OPEN, time, 0, &none);
}

void
tracker_sealed(struct tracker *tracker, int64_t time, bool landed)
{
	if (tracker->sealed)
		return;
	tracker->sealed = true;
	tracker->report.directory = landed ? tracker->landing : "/";
	open_session(tracker, time);
}

void
tracker_lost(struct tracker *tracker, int64_t time, uint32_t lines)
{
	const struct event_totals lost = { .dropped = lines };

	if (lines == 0)
		return;
	tracker->report.totals.dropped += lines;
	report_plain(&tracker->report, EVENT_DROPPED, time, 0, &lost);
}

static size_t
files_open(const struct tracker *tracker)
{
	size_t count = 0;

	for (size_t i = 0; i < tracker->process_count; i++)
		count += tracker->processes[i]->files.count;
	return count;
}

static void
say_operations(struct tracker *tracker, struct process *process)
{
	for (size_t i = 0; i < process->operation_count; i++)
		report_operation(&tracker->report, &process->operations[i]);
}

/* keep_open: the file that was being opened is open. One too many is not kept; its close then tells less. */
static void
keep_open(struct tracker *tracker, struct process *process)
{
	struct open_file *file = process->opening;

	process->opening = NULL;
	if (file == NULL)
		return;
	if (files_open(tracker) >= TRACKER_FILES)
		free(file);
	else
		open_files_add(&process->files, file);
}

/* settle: what the last line began was done. */
static void
settle(struct tracker *tracker, struct process *process)
{
	if (process->last == LAST_PENDING)
		say_operations(tracker, process);
	if (process->last == LAST_OPEN)
		keep_open(tracker, process);
	process->last = LAST_OTHER;
	process->operation_count = 0;
}

/* refuse: the file being opened was not, as the status says. */
static void
refuse(struct tracker *tracker, struct process *process, const char *status)
{
	struct open_file *file = process->opening;
	struct operation *operation;

	process->opening = NULL;
	if (file == NULL)
		return;
	operation = process_unfinished(process, file, file->opened);
	operation_set_reason(operation, status);
	report_operation(&tracker->report, operation);
	process->operation_count = 0;
	file->refused = true;
	file->refusal = operation->sequence;
	/* Should it have been open all the same, then "Failure" was a write's, and the others a stat's. */
	if (strcmp(status, "Failure") == 0 && (file->flags & SFTP_WRITE) != 0)
		open_file_blame(file, status);
	open_files_forget_refused(&process->files, REFUSED_MAX - 1);
	open_files_add(&process->files, file);
}

/* end_process: its last operation is decided, its files are not closed any more. */
static void
end_process(struct tracker *tracker, struct process *process, int64_t time)
{
	struct open_file *file;
	struct operation *operation;

	settle(tracker, process);
	while ((file = open_files_take_first(&process->files)) != NULL) {
		if (!file->refused) {
			operation = process_unfinished(process, file, time);
			operation_set_duration(operation, file->opened, time);
			operation_set_reason(operation, *file->reason != '\0' ? file->reason : "connection lost");
			report_operation(&tracker->report, operation);
		}
		free(file);
	}
}

static void
remove_process(struct tracker *tracker, size_t index, int64_t time)
{
	end_process(tracker, tracker->processes[index], time);
	process_free(tracker->processes[index]);
	tracker->processes[index] = tracker->processes[--tracker->process_count];
}

static void
remove_longest_silent(struct tracker *tracker, int64_t time)
{
	size_t oldest = 0;

	for (size_t i = 1; i < tracker->process_count; i++)
		if (tracker->processes[i]->used < tracker->processes[oldest]->used)
			oldest = i;
	remove_process(tracker, oldest, time);
}

/* process_index: of this pid, which is a new one if need be; TRACKER_PROCESSES without memory. */
static size_t
process_index(struct tracker *tracker, pid_t pid, int64_t time)
{
	struct process *process;

	for (size_t i = 0; i < tracker->process_count; i++)
		if (tracker->processes[i]->pid == pid)
			return i;
	if (tracker->process_count == TRACKER_PROCESSES)
		remove_longest_silent(tracker, time);
	process = calloc(1, sizeof(*process));
	if (process == NULL)
		return TRACKER_PROCESSES;
	process->pid = pid;
	tracker->processes[tracker->process_count] = process;
	return tracker->process_count++;
}

/* failed: the last line's operations, with this status; again, if they were said to be done. */
static void
failed(struct tracker *tracker, struct process *process, const char *status)
{
	for (size_t i = 0; i < process->operation_count; i++) {
		struct operation *operation = &process->operations[i];

		if (process->last == LAST_SAID) {
			if (*operation->reason != '\0')
				continue;
			operation->again = true;
			operation->corrects = operation->sequence;
		}
		if (*operation->reason == '\0')
			operation_set_reason(operation, status);
		report_operation(&tracker->report, operation);
	}
	process->operation_count = 0;
}

/* is_error: sftp-server said what went wrong, but not with which file. */
static bool
is_error(const struct process *process)
{
	return process->operation_count > 0 && strncmp(process->operations[0].text, "error: ", 7) == 0;
}

static bool
has_request(const struct process *process)
{
	return process->last == LAST_OPEN || process->last == LAST_PENDING || process->last == LAST_SAID;
}

/* answered: the status was the last line's, and that is dealt with. */
static bool
answered(struct tracker *tracker, struct process *process, const char *status, int64_t time)
{
	if (process->last == LAST_SILENT || process->last == LAST_FAULT)
		return true;
	if (process->last == LAST_SYNC) {
		open_files_blame(&process->files, process->name, status);
		return true;
	}
	if (!has_request(process) || !status_rule_is_own(process, status, time))
		return false;
	if (is_error(process) && strcmp(status, "Failure") == 0)
		open_files_blame_written(&process->files, status);
	if (process->last == LAST_OPEN)
		refuse(tracker, process, status);
	else
		failed(tracker, process, status);
	return true;
}

static void
on_status(struct tracker *tracker, struct process *process, const struct sftp_line *line, int64_t time)
{
	/* LogLevel DEBUG says these as well. */
	if (strcmp(line->detail, "Success") == 0 || strcmp(line->detail, "End of file") == 0)
		return;
	if (answered(tracker, process, line->detail, time)) {
		process->last = LAST_OTHER;
		return;
	}
	settle(tracker, process);
	if (strcmp(line->detail, "Failure") == 0)
		open_files_blame_written(&process->files, line->detail);
}

void
tracker_line(struct tracker *tracker, pid_t pid, const struct sftp_line *line, int64_t time, int64_t now)
{
	struct process *process;
	size_t index;

	if (line->kind == SFTP_NOTICE || line->kind == SFTP_DEBUG)
		return;
	open_session(tracker, time);
	index = process_index(tracker, pid, time);
	if (index == TRACKER_PROCESSES) {
		tracker_lost(tracker, time, 1);
		return;
	}
	process = tracker->processes[index];
	process->used = ++tracker->lines;
	if (line->kind == SFTP_STATUS) {
		on_status(tracker, process, line, time);
		return;
	}
	if (!status_rule_continues(process, line, time))
		settle(tracker, process);
	if (line->kind == SFTP_SESSION_CLOSED) {
		remove_process(tracker, index, time);
		return;
	}
	if (line->kind == SFTP_SESSION_OPENED) { /* another one, if there was one of this pid */
		end_process(tracker, process, time);
		process->exact = false;
		return;
	}
	process_request(process, line, time);
	process->last_time = time;
	process->due = now + TRACKER_SETTLE_MS;
}

int64_t
tracker_due(const struct tracker *tracker)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < tracker->process_count; i++)
		if (tracker->processes[i]->last == LAST_PENDING && tracker->processes[i]->due < due)
			due = tracker->processes[i]->due;
	return due;
}

void
tracker_settle(struct tracker *tracker, int64_t now)
{
	for (size_t i = 0; i < tracker->process_count; i++) {
		struct process *process = tracker->processes[i];

		if (process->last != LAST_PENDING || process->due > now)
			continue;
		say_operations(tracker, process);
		process->last = LAST_SAID;
	}
}

void
tracker_finish(struct tracker *tracker, int64_t time)
{
	uint64_t duration;

	if (!tracker->open)
		return;
	while (tracker->process_count > 0)
		remove_process(tracker, tracker->process_count - 1, time);
	duration = time > tracker->opened ? (uint64_t)(time - tracker->opened) : 0;
	report_plain(&tracker->report, EVENT_SESSION_CLOSE, time, duration, &tracker->report.totals);
	tracker->open = false;
}
