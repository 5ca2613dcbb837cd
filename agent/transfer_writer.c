#include "agent/transfer_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define LOOK_MS 1000  /* a stat(2) for every write would be felt */
#define SAY_MS  60000
/* A full disk is to be found before a session whose log is required has begun. */
#define SESSION_BYTES (64 * 1024)

int
transfer_writer_init(struct transfer_writer *writer, char *path, line_file_found *found, void *context)
{
	*writer = (struct transfer_writer){ .path = path, .file = LINE_FILE_CLOSED, .found = found, .context = context };
	writer->batch = malloc(WRITER_BATCH);
	return writer->batch != NULL ? 0 : -1;
}

void
transfer_writer_free(struct transfer_writer *writer)
{
	line_file_close(&writer->file);
	free(writer->batch);
	free(writer->path);
}

void
transfer_writer_reopen(struct transfer_writer *writer, char *path)
{
	line_file_close(&writer->file);
	transfer_writer_hurry(writer);
	writer->said = 0; /* whoever asked for this waits to hear how it went */
	if (path == NULL)
		return;
	free(writer->path);
	writer->path = path;
}

static void
set_failed(struct transfer_writer *writer, const char *problem)
{
	int64_t now = deadline_now();

	if (writer->failed == 0) {
		writer->failed = now;
		writer->failure_said = false;
	}
	writer->tried = now;
	metrics_set(METRIC_TRANSFER_FAILING, 1);
	if (writer->said != 0 && now - writer->said < SAY_MS)
		return;
	writer->said = now;
	writer->failure_said = true;
	daemon_log(LOG_ERR, "transfer log can't be written, and is tried again each second: file=%s seconds=%" PRId64
	    " reason=\"%s\"", writer->path, (now - writer->failed) / 1000, problem);
}

static void
set_working(struct transfer_writer *writer)
{
	if (writer->failed != 0 && writer->failure_said)
		daemon_log(LOG_NOTICE, "transfer log is written again: file=%s after_seconds=%" PRId64, writer->path,
		    (deadline_now() - writer->failed) / 1000);
	writer->failed = 0;
	metrics_set(METRIC_TRANSFER_FAILING, 0);
}

static bool
may_try(const struct transfer_writer *writer)
{
	return writer->failed == 0 || writer->tried == 0 || deadline_now() - writer->tried >= WRITER_RETRY_MS;
}

void
transfer_writer_hurry(struct transfer_writer *writer)
{
	writer->tried = 0;
}

/* let_go_when_moved: nobody looks for lines in a file that the path no longer leads to. */
static void
let_go_when_moved(struct transfer_writer *writer)
{
	int64_t now = deadline_now();

	if (writer->file.fd < 0 || (writer->looked != 0 && now - writer->looked < LOOK_MS))
		return;
	writer->looked = now;
	if (!line_file_moved(&writer->file, writer->path))
		return;
	daemon_log(LOG_INFO, "transfer log was renamed or removed, and is opened anew: file=%s", writer->path);
	line_file_close(&writer->file);
}

static bool
open_file(struct transfer_writer *writer)
{
	const char *problem;

	let_go_when_moved(writer);
	if (writer->file.fd >= 0)
		return true;
	problem = line_file_open(&writer->file, writer->path, writer->found, writer->context);
	if (problem == NULL)
		return true;
	set_failed(writer, problem);
	return false;
}

bool
transfer_writer_ready(struct transfer_writer *writer)
{
	if (!may_try(writer) || !open_file(writer))
		return false;
	if (writer->used == 0)
		set_working(writer);
	return writer->failed == 0;
}

bool
transfer_writer_admits(struct transfer_writer *writer)
{
	if (!transfer_writer_ready(writer))
		return false;
	if (line_file_has_room(&writer->file, SESSION_BYTES))
		return true;
	daemon_log_limited("transfer log room", LOG_ERR, "transfer log has no room for a new session: file=%s reason=\"%s\"",
	    writer->path, strerror(errno));
	return false;
}

bool
transfer_writer_flush(struct transfer_writer *writer)
{
	if (writer->used == 0)
		return true;
	if (!may_try(writer) || !open_file(writer))
		return false;
	writer->written += line_file_append(&writer->file, writer->batch + writer->written, writer->used - writer->written);
	if (writer->written < writer->used) {
		set_failed(writer, strerror(errno));
		return false;
	}
	metrics_add(METRIC_TRANSFER_LINES_WRITTEN, writer->lines);
	metrics_set(METRIC_TRANSFER_LINES_WAITING, 0);
	writer->used = writer->written = writer->lines = 0;
	set_working(writer);
	return true;
}
