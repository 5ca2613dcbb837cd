/*
 * Writing the audit log: one thread at a time, a line at a time.
 */
#include "api_server/audit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api_server/audit_line.h"
#include "common/host/daemon_log.h"
#include "common/host/line_file.h"
#include "common/wire/deadline.h"

#define LOOK_MS   1000 /* a stat(2) for every line would be felt */
#define SECOND_MS 1000

struct audit {
	pthread_mutex_t mutex;
	char *path;
	struct line_file file;
	bool failed;              /* the last line went to syslog */
	unsigned long lost;
	int64_t looked;           /* when the file was last looked for: milliseconds of CLOCK_MONOTONIC */
	int64_t refused_since;    /* the beginning of this second, as far as `refused` goes */
	int64_t refused;          /* lines of calls that aren't authenticated, less one for each second since */
	unsigned long suppressed; /* calls without a line, of which no line tells yet */
};

static void
set_failed(struct audit *audit, const char *problem)
{
	audit->failed = true;
	daemon_log_limited(problem, LOG_ERR, "audit log can't be written, its lines go to syslog: file=%s reason=\"%s\"",
	    audit->path, problem);
}

static void
set_working(struct audit *audit)
{
	if (audit->failed)
		daemon_log(LOG_NOTICE, "audit log is written again: file=%s lost=%lu", audit->path, audit->lost);
	audit->failed = false;
}

static bool
open_file(struct audit *audit)
{
	int64_t now = deadline_now();
	const char *problem;

	if (audit->file.fd >= 0 && now - audit->looked >= LOOK_MS) {
		audit->looked = now;
		/* Nobody looks for lines in a file that the path no longer leads to. */
		if (line_file_moved(&audit->file, audit->path))
			line_file_close(&audit->file);
	}
	if (audit->file.fd >= 0)
		return true;
	audit->looked = now;
	problem = line_file_open(&audit->file, audit->path, NULL, NULL);
	if (problem != NULL)
		set_failed(audit, problem);
	return problem == NULL;
}

static void
append(struct audit *audit, const char *line, size_t length)
{
	if (length == 0)
		return;
	if (open_file(audit)) {
		errno = 0;
		if (line_file_append(&audit->file, line, length) == length) {
			set_working(audit);
			return;
		}
		set_failed(audit, strerror(errno));
	}
	audit->lost++;
	daemon_log(LOG_NOTICE, "audit line: %.*s", (int)length - 1, line);
}

static void
append_suppressed(struct audit *audit)
{
	char line[AUDIT_LINE_BYTES];

	if (audit->suppressed == 0)
		return;
	append(audit, line, audit_line_suppressed(audit->suppressed, line, sizeof(line)));
	audit->suppressed = 0;
}

/* admits: whether the call gets a line. What was left out in a second is told once that is over. */
static bool
admits(struct audit *audit, const struct audit_entry *entry)
{
	int64_t seconds = (deadline_now() - audit->refused_since) / SECOND_MS;

	if (seconds > 0) {
		append_suppressed(audit);
		audit->refused_since += seconds * SECOND_MS;
		audit->refused = audit->refused > seconds ? audit->refused - seconds : 0;
	}
	if (entry->authenticated)
		return true;
	if (audit->refused >= AUDIT_REFUSED_AT_ONCE) {
		audit->suppressed++;
		return false;
	}
	audit->refused++;
	return true;
}

struct audit *
audit_open(const char *path)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (audit == NULL || (audit->path = strdup(path)) == NULL) {
		free(audit);
		return NULL;
	}
	pthread_mutex_init(&audit->mutex, NULL);
	audit->file = (struct line_file)LINE_FILE_CLOSED;
	open_file(audit);
	return audit;
}

void
audit_reopen(struct audit *audit, const char *path)
{
	char *copy = strdup(path);

	pthread_mutex_lock(&audit->mutex);
	if (copy == NULL) {
		daemon_log(LOG_ERR, "audit log stays where it is: file=%s reason=\"%s\"", audit->path, strerror(errno));
	} else {
		free(audit->path);
		audit->path = copy;
	}
	line_file_close(&audit->file);
	open_file(audit);
	pthread_mutex_unlock(&audit->mutex);
}

void
audit_write(struct audit *audit, const struct audit_entry *entry)
{
	char line[AUDIT_LINE_BYTES];

	pthread_mutex_lock(&audit->mutex);
	if (admits(audit, entry))
		append(audit, line, audit_line_write(entry, line, sizeof(line)));
	pthread_mutex_unlock(&audit->mutex);
}

unsigned long
audit_lost(struct audit *audit)
{
	unsigned long lost;

	pthread_mutex_lock(&audit->mutex);
	lost = audit->lost;
	pthread_mutex_unlock(&audit->mutex);
	return lost;
}

void
audit_close(struct audit *audit)
{
	if (audit == NULL)
		return;
	append_suppressed(audit);
	line_file_close(&audit->file);
	pthread_mutex_destroy(&audit->mutex);
	free(audit->path);
	free(audit);
}
