/*
 * Whose status is it?
 *
 * sftp-server logs a request before it does it, and afterwards only a failure: "sent status No such file", without a word of
 * which request. At LogLevel INFO it is worse: requests such as stat fail without having been logged, so a `remove` that
 * went well is followed by the failure of the stat after it. (The client's `rm c` and `put b c` do just that.) The rule:
 *
 * 1. A status belongs to the process's last line, or to a request that left none; never to an earlier line.
 * 2. At LogLevel VERBOSE requests such as stat have lines, and nearly every status has its request before it. A process that
 *    has logged such a line ("received client version" is its second) is exact: rules 3 and 4 don't apply.
 * 3. What follows a close can only be close(2)'s "Failure"; anything else is another request's.
 * 4. "No such file", "Permission denied" and "Bad message" are what a stat fails with. They are taken for the last line's
 *    request if they come within ANSWER_MICROSECONDS: sftp-server then had the time of one system call, and the client
 *    hardly that of reading an answer and sending a request. Later, they are another request's, and the operation counts as
 *    done. An open has TRACKER_SETTLE_MS, as a close puts it right if it was open after all.
 * 5. "Failure" is no answer to a stat. It is the last line's request's. But a write that stops short, as on a disk that just
 *    got full, fails so as well, and without a line: when it comes later than an operation takes (TRACKER_SETTLE_MS), and
 *    after lines that are no operations, all files open for writing are held to be incomplete. (So they are by an error
 *    that names no file, as copy-data's.) Better that than a file that counts as whole and isn't.
 *
 * Two errors remain. On a file system that takes longer than ANSWER_MICROSECONDS to say no, a process that isn't exact has
 * operations that failed by rule 4 logged as done. And a client that sends its next request without waiting for the answer,
 * and means it, can have an operation that was done logged as failed; in an exact process only with a request on a handle
 * that doesn't exist. For an open it is put right: a file that is closed later was open, and that event corrects the first.
 *
 * One request that sets several attributes has a line for each and one status: that is then the status of all.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_helper/open_files.h"
#include "session_helper/tracker.h"

#define ANSWER_MICROSECONDS 100
#define SETTLE_MICROSECONDS (TRACKER_SETTLE_MS * 1000)
/* Files that could not be opened, kept for a close that proves otherwise. */
#define REFUSED_MAX 16
/* The attributes that one request can set. */
#define OPERATIONS_MAX 4

/* What the process's last line was. */
enum last {
	LAST_OTHER,   /* nothing that a status could belong to */
	LAST_SILENT,  /* a request that is no operation: its status says nothing */
	LAST_FAULT,   /* an error that was noted: its status says nothing more */
	LAST_SYNC,    /* fsync of `name` */
	LAST_OPEN,    /* `opening` */
	LAST_PENDING, /* `operations`, not said yet */
	LAST_SAID,    /* `operations`, said as done */
};

struct process {
	pid_t pid;
	uint64_t used;  /* the tracker's count of lines when it was last heard of */
	bool exact;
	enum last last;
	int64_t last_time;
	int64_t due;    /* LAST_PENDING: when it counts as done */
	size_t operation_count;
	struct operation operations[OPERATIONS_MAX];
	struct open_file *opening;
	struct open_files files;
	char name[SFTP_LINE_MAX + 1];
};

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

static void
process_free(struct process *process)
{
	free(process->opening);
	open_files_clear(&process->files);
	free(process);
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

/* add_operation: an empty one of the line's, at the end of the process's list. */
static struct operation *
add_operation(struct process *process, enum event_operation kind, const struct sftp_line *line, int64_t time)
{
	struct operation *operation = &process->operations[process->operation_count++];

	operation->operation = kind;
	operation->time = time;
	operation->flags = line->cut ? EVENT_CUT : 0;
	operation->bytes = operation->duration = operation->corrects = operation->sequence = 0;
	operation->has_path = operation->has_new_path = operation->again = operation->again_failed = false;
	operation->reason[0] = operation->path[0] = operation->new_path[0] = operation->text[0] = '\0';
	return operation;
}

static void
set_path(struct operation *operation, const char *name)
{
	operation->has_path = true;
	snprintf(operation->path, sizeof(operation->path), "%s", name);
}

static void
set_new_path(struct operation *operation, const char *name)
{
	operation->has_new_path = true;
	snprintf(operation->new_path, sizeof(operation->new_path), "%s", name);
}

static void
set_text(struct operation *operation, const char *text)
{
	snprintf(operation->text, sizeof(operation->text), "%s", text);
}

static void
set_reason(struct operation *operation, const char *reason)
{
	snprintf(operation->reason, sizeof(operation->reason), "%s", reason);
}

static void
set_duration(struct operation *operation, int64_t from, int64_t to)
{
	operation->flags |= EVENT_HAS_DURATION;
	operation->duration = to > from ? (uint64_t)(to - from) : 0;
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

/* transfer: what a file was opened for; what was read and written decides between the two, when that is known. */
static enum event_operation
transfer(unsigned flags, uint64_t bytes_read, uint64_t bytes_written)
{
	if ((flags & SFTP_APPEND) != 0)
		return EVENT_APPEND;
	if (bytes_written > 0)
		return EVENT_PUT;
	if ((flags & SFTP_WRITE) == 0 || bytes_read > 0)
		return EVENT_GET;
	if ((flags & SFTP_READ) == 0 || (flags & (SFTP_CREATE | SFTP_TRUNCATE)) != 0)
		return EVENT_PUT;
	return EVENT_GET;
}

/* unfinished: of a file without a close line. */
static struct operation *
unfinished(struct process *process, const struct open_file *file, int64_t time)
{
	static const struct sftp_line no_line;
	struct operation *operation;
	unsigned flags = file->flags;

	/* What was to be written may have been. */
	if ((flags & SFTP_WRITE) != 0)
		flags &= ~(unsigned)SFTP_READ;
	process->operation_count = 0;
	operation = add_operation(process, transfer(flags, 0, 0), &no_line, time);
	set_path(operation, file->name);
	return operation;
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
	operation = unfinished(process, file, file->opened);
	set_reason(operation, status);
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
			operation = unfinished(process, file, time);
			set_duration(operation, file->opened, time);
			set_reason(operation, *file->reason != '\0' ? file->reason : "connection lost");
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

static void
on_open(struct process *process, const struct sftp_line *line, int64_t time)
{
	process->opening = open_file_new(line->name, line->flags, time);
	process->last = LAST_OPEN;
}

/* close_operation: of a file that is known, or of one that isn't: NULL. */
static struct operation *
close_operation(struct process *process, const struct sftp_line *line, const struct open_file *file, int64_t time)
{
	unsigned flags = file != NULL ? file->flags : SFTP_READ | SFTP_WRITE;
	enum event_operation kind = transfer(flags, line->bytes_read, line->bytes_written);
	struct operation *operation = add_operation(process, kind, line, time);

	set_path(operation, file != NULL ? file->name : line->name);
	if (!line->cut) {
		operation->flags |= EVENT_HAS_BYTES;
		operation->bytes = kind == EVENT_GET ? line->bytes_read : line->bytes_written;
	}
	if (line->forced)
		set_reason(operation, "connection lost");
	if (file == NULL)
		return operation;
	set_duration(operation, file->opened, time);
	if (*file->reason != '\0')
		set_reason(operation, file->reason);
	operation->again = operation->again_failed = file->refused;
	operation->corrects = file->refusal;
	return operation;
}

static void
on_close(struct process *process, const struct sftp_line *line, int64_t time)
{
	struct open_file *file = open_files_take(&process->files, line);

	close_operation(process, line, file, time);
	free(file);
	process->last = LAST_PENDING;
}

static void
on_cut_close(struct process *process, const struct sftp_line *line, int64_t time)
{
	struct open_file *file = open_files_take(&process->files, line);

	if (file != NULL)
		close_operation(process, line, file, time);
	free(file);
}

static void
on_other(struct process *process, const struct sftp_line *line, int64_t time)
{
	struct operation *operation;

	process->last = LAST_PENDING;
	if (line->close)
		on_cut_close(process, line, time);
	if (process->operation_count > 0)
		return;
	operation = add_operation(process, EVENT_OTHER, line, time);
	if (*line->name != '\0')
		set_path(operation, line->name);
	set_text(operation, line->text);
}

static void
on_path(struct process *process, enum event_operation kind, const struct sftp_line *line, int64_t time)
{
	struct operation *operation = add_operation(process, kind, line, time);

	set_path(operation, line->name);
	if (kind == EVENT_SETSTAT)
		set_text(operation, line->detail);
	process->last = LAST_PENDING;
}

static void
on_two_paths(struct process *process, enum event_operation kind, const struct sftp_line *line, int64_t time)
{
	struct operation *operation = add_operation(process, kind, line, time);

	set_path(operation, line->name);
	if (!line->cut)
		set_new_path(operation, line->new_name);
	process->last = LAST_PENDING;
}

static void
on_symlink(struct process *process, const struct sftp_line *line, int64_t time)
{
	struct operation *operation = add_operation(process, EVENT_SYMLINK, line, time);

	set_path(operation, line->new_name);
	set_text(operation, line->name);
	process->last = LAST_PENDING;
}

static void
on_fault(struct process *process, const struct sftp_line *line)
{
	open_files_blame(&process->files, line->name, line->detail);
	process->last = LAST_FAULT;
}

static void
on_sync(struct process *process, const struct sftp_line *line)
{
	snprintf(process->name, sizeof(process->name), "%s", line->name);
	process->exact = true;
	process->last = LAST_SYNC;
}

/* attribute: the place of what a set line sets, in the order in which sftp-server sets the attributes of one request. */
static int
attribute(const char *text)
{
	static const char *const order[] = { "size ", "mode ", "modtime ", "owner " };

	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
		if (strncmp(text, order[i], strlen(order[i])) == 0)
			return i;
	return -1;
}

/* continues: whether the line is one more of the request that the last one began. */
static bool
continues(const struct process *process, const struct sftp_line *line, int64_t time)
{
	const struct operation *last;

	if (line->kind != SFTP_SETSTAT || process->last != LAST_PENDING || process->operation_count == 0 ||
	    process->operation_count == OPERATIONS_MAX || time - process->last_time > ANSWER_MICROSECONDS)
		return false;
	last = &process->operations[process->operation_count - 1];
	return last->operation == EVENT_SETSTAT && strcmp(last->path, line->name) == 0 &&
	    attribute(line->detail) > attribute(last->text);
}

/* is_stats: whether a stat can fail with this status. */
static bool
is_stats(const char *status)
{
	return strcmp(status, "No such file") == 0 || strcmp(status, "Permission denied") == 0 ||
	    strcmp(status, "Bad message") == 0;
}

static bool
is_close(const struct process *process)
{
	return process->last != LAST_OPEN && (process->operations[0].flags & EVENT_HAS_BYTES) != 0;
}

/* is_own: whether the status is the answer to the last line's request. See the top of this file. */
static bool
is_own(const struct process *process, const char *status, int64_t time)
{
	int64_t passed = time - process->last_time;

	if (is_close(process) && strcmp(status, "Failure") != 0)
		return false;
	if (strcmp(status, "Failure") == 0 && passed >= SETTLE_MICROSECONDS) {
		bool opens_for_writing = process->last == LAST_OPEN && process->opening != NULL &&
		    (process->opening->flags & SFTP_WRITE) != 0;

		return !opens_for_writing && !open_files_any_written(&process->files);
	}
	return process->exact || !is_stats(status) ||
	    passed <= (process->last == LAST_OPEN ? SETTLE_MICROSECONDS : ANSWER_MICROSECONDS);
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
			set_reason(operation, status);
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
	if (!has_request(process) || !is_own(process, status, time))
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

/* What the kinds become that are an operation on one path, or on two. */
static const enum event_operation one_path[SFTP_LINE_KINDS] = {
	[SFTP_OPENDIR] = EVENT_LIST, [SFTP_MKDIR] = EVENT_MKDIR, [SFTP_RMDIR] = EVENT_RMDIR, [SFTP_REMOVE] = EVENT_REMOVE,
	[SFTP_SETSTAT] = EVENT_SETSTAT,
};
static const enum event_operation two_paths[SFTP_LINE_KINDS] = {
	[SFTP_RENAME] = EVENT_RENAME, [SFTP_LINK] = EVENT_LINK,
};

static void
on_request(struct process *process, const struct sftp_line *line, int64_t time)
{
	if (one_path[line->kind] != 0) {
		on_path(process, one_path[line->kind], line, time);
		return;
	}
	if (two_paths[line->kind] != 0) {
		on_two_paths(process, two_paths[line->kind], line, time);
		return;
	}
	switch (line->kind) {
	case SFTP_OPEN:
		on_open(process, line, time);
		return;
	case SFTP_CLOSE:
		on_close(process, line, time);
		return;
	case SFTP_SYMLINK:
		on_symlink(process, line, time);
		return;
	case SFTP_FAULT:
		on_fault(process, line);
		return;
	case SFTP_SYNC:
		on_sync(process, line);
		return;
	case SFTP_SILENT:
		process->exact = true;
		process->last = LAST_SILENT;
		return;
	case SFTP_CLOSEDIR:
		process->last = LAST_SILENT;
		return;
	default:
		on_other(process, line, time);
	}
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
	if (!continues(process, line, time))
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
	on_request(process, line, time);
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
