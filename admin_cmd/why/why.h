/*
 * berth why USER: the user's last refusals, from the log.
 *
 *   why.c          the command: flags, where to look, exit code
 *   why_journal.c  the journal's entries, by the fields that journald itself writes
 *   why_files.c    /var/log/auth.log and its rotated copies, or a file that is named
 *   why_line.c     a log file's line: time, program, process, message
 *   why_message.c  a message: whether it refuses this user, in words, with its cure
 *   why_collect.c  all of them: one refusal an attempt
 *   why_print.c    as a list for people, and as JSON
 */
#ifndef BERTH_WHY_H
#define BERTH_WHY_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_cmd/output.h"
#include "admin_cmd/why/why_message.h"
#include "common/host/config.h"

#define WHY_COMMAND "berth why"
#define WHY_LOOKED_MAX 16
/* Whoever knocks under the user's name writes lines of the log: of more than these the oldest are forgotten. */
#define WHY_EVENTS_MAX 16384

struct why {
	const char *user;
	double since; /* seconds since 1970 */
	struct why_event *events;
	size_t count, room;
	bool out_of_memory;
	char *looked[WHY_LOOKED_MAX]; /* where, for people */
	size_t looked_count;
};

/* why_add: an event, when the message is one. Messages come in the order in which they were logged. */
void why_add(struct why *why, double time, const char *program, pid_t pid, const char *message);
/* why_looked: that this place was looked at; further ones than WHY_LOOKED_MAX aren't kept. */
void why_looked(struct why *why, const char *place);
void why_free(struct why *why);

/* why_read_journal: 1: read; 0: this host has no journal; -1 after saying on stderr why it can't be read. */
int why_read_journal(struct why *why, const struct config *config);
/* why_read_files: the auth log's files that reach back so far. 0, or -1 after saying why one that is there can't be read. */
int why_read_files(struct why *why);
/* why_read_file: one, which must be there; compressed by gzip when its name ends in .gz. */
int why_read_file(struct why *why, const char *path);

/* why_collect: leaves the refusals, one an attempt: the line of it that explains the most; the last `last` of them. */
void why_collect(struct why *why, size_t last);

/* why_print: 0, or -1 after saying why it can't be printed. */
int why_print(const struct why *why, enum output_format format);

#endif
