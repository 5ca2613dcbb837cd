/*
 * Whose status is it?
 *
 * sftp-server logs a request before it does it, and afterwards only a failure: "sent status No such file", without a word of
 * which request. At LogLevel INFO it is worse: requests such as stat fail without having been logged, so a `remove` that
 * went well is followed by the failure of the stat after it. (The client's `rm c` and `put b c` do just that.) The rule:
 *
 * 1. A status belongs to the process's last line, or to a request that left none; never to an earlier line.
 * 2. At LogLevel VERBOSE requests such as stat have lines, and nearly every status has its request before it. A process that
 *    has logged such a line ("received client version" is its second) is exact: rule 4 doesn't apply.
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
#include <string.h>

#include "session_helper/status_rule.h"
#include "session_helper/tracker.h"

#define ANSWER_MICROSECONDS 100
#define SETTLE_MICROSECONDS (TRACKER_SETTLE_MS * 1000)

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

bool
status_rule_continues(const struct process *process, const struct sftp_line *line, int64_t time)
{
	const struct operation *last;

	if (line->kind != SFTP_SETSTAT || process->last != LAST_PENDING || process->operation_count == 0 ||
	    process->operation_count == PROCESS_OPERATIONS_MAX || time - process->last_time > ANSWER_MICROSECONDS)
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

bool
status_rule_is_own(const struct process *process, const char *status, int64_t time)
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
