#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_helper/process.h"

void
process_free(struct process *process)
{
	free(process->opening);
	open_files_clear(&process->files);
	free(process);
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

void
operation_set_reason(struct operation *operation, const char *reason)
{
	snprintf(operation->reason, sizeof(operation->reason), "%s", reason);
}

void
operation_set_duration(struct operation *operation, int64_t from, int64_t to)
{
	operation->flags |= EVENT_HAS_DURATION;
	operation->duration = to > from ? (uint64_t)(to - from) : 0;
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

struct operation *
process_unfinished(struct process *process, const struct open_file *file, int64_t time)
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
		operation_set_reason(operation, "connection lost");
	if (file == NULL)
		return operation;
	operation_set_duration(operation, file->opened, time);
	if (*file->reason != '\0')
		operation_set_reason(operation, file->reason);
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

/* What the kinds become that are an operation on one path, or on two. */
static const enum event_operation one_path[SFTP_LINE_KINDS] = {
	[SFTP_OPENDIR] = EVENT_LIST, [SFTP_MKDIR] = EVENT_MKDIR, [SFTP_RMDIR] = EVENT_RMDIR, [SFTP_REMOVE] = EVENT_REMOVE,
	[SFTP_SETSTAT] = EVENT_SETSTAT,
};
static const enum event_operation two_paths[SFTP_LINE_KINDS] = {
	[SFTP_RENAME] = EVENT_RENAME, [SFTP_LINK] = EVENT_LINK,
};

void
process_request(struct process *process, const struct sftp_line *line, int64_t time)
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
