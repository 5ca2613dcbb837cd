/*
 * One sftp process of the session: what its last line began, and what it has open. A request's line changes what is noted
 * here, and no more: the tracker makes events of it.
 */
#ifndef BERTH_PROCESS_H
#define BERTH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "session_helper/open_files.h"
#include "session_helper/report.h"

/* The attributes that one request can set. */
#define PROCESS_OPERATIONS_MAX 4

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

/* Calloc'ed by the tracker. Times are microseconds since 1970, but `due`. */
struct process {
	pid_t pid;
	uint64_t used;  /* the tracker's count of lines when it was last heard of */
	bool exact;     /* see status_rule.c */
	enum last last;
	int64_t last_time;
	int64_t due;    /* LAST_PENDING: when it counts as done; milliseconds of CLOCK_MONOTONIC */
	size_t operation_count;
	struct operation operations[PROCESS_OPERATIONS_MAX];
	struct open_file *opening;
	struct open_files files;
	char name[SFTP_LINE_MAX + 1];
};

/* process_free: with its files. */
void process_free(struct process *process);

/*
 * process_request: notes a request's line, or an error's; no status, and none of a session's begin or end. What the line
 * before it began must be settled, unless status_rule_continues() it.
 */
void process_request(struct process *process, const struct sftp_line *line, int64_t time);

/* process_unfinished: an operation on a file that has no close line. It takes the place of all the process's operations, and
 * lives until the next. */
struct operation *process_unfinished(struct process *process, const struct open_file *file, int64_t time);

void operation_set_reason(struct operation *operation, const char *reason);
void operation_set_duration(struct operation *operation, int64_t from, int64_t to);

#endif
