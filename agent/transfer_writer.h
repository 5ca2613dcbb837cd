/*
 * Lines on their way into the transfer log's file: gathered, written together, and kept while the file can't be written. It
 * is tried again at most once a second then, and the operator is told once a minute, and when it works again.
 *
 * The transfer log's thread alone uses it.
 */
#ifndef BERTH_TRANSFER_WRITER_H
#define BERTH_TRANSFER_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/metrics.h"
#include "common/host/line_file.h"

#define WRITER_RETRY_MS 1000
/* All that is ever written before it is acknowledged must be found again in the file's tail. */
#define WRITER_BATCH    (LINE_FILE_TAIL / 4 * 3)

struct transfer_writer {
	char *path;
	struct line_file file;
	line_file_found *found; /* of lines in a file that is opened */
	void *context;
	char *batch;          /* WRITER_BATCH bytes */
	size_t used, written; /* of the batch; what is written is whole lines */
	size_t lines;         /* in it */
	int64_t looked;       /* this and the following: milliseconds of CLOCK_MONOTONIC; 0: never. Whether the file has moved */
	int64_t failed;       /* since when it can't be written; 0: it can, as far as is known */
	int64_t tried, said;
	bool failure_said;
};

/* transfer_writer_init: `path` is malloc'ed and the writer's from now on. Opens nothing. 0, or -1 with errno. */
int transfer_writer_init(struct transfer_writer *writer, char *path, line_file_found *found, void *context);
void transfer_writer_free(struct transfer_writer *writer);

/* transfer_writer_reopen: the file is opened anew when it is next needed; `path` as above, or NULL: the same as before. */
void transfer_writer_reopen(struct transfer_writer *writer, char *path);

/* transfer_writer_ready: whether the file is open, opening it if need be. */
bool transfer_writer_ready(struct transfer_writer *writer);

/* transfer_writer_admits: whether it is, and the disk has room for what a session may need. What is short is logged. */
bool transfer_writer_admits(struct transfer_writer *writer);

/* transfer_writer_flush: writes what is in the batch. True when nothing is left in it. */
bool transfer_writer_flush(struct transfer_writer *writer);

/* transfer_writer_hurry: the next call of the above tries, even if the last try was less than a second ago. */
void transfer_writer_hurry(struct transfer_writer *writer);

/* Where the next line may be put, and how much there is room for; then that one was put there. */
static inline char *
transfer_writer_room(struct transfer_writer *writer, size_t *room)
{
	*room = WRITER_BATCH - writer->used;
	return writer->batch + writer->used;
}

static inline void
transfer_writer_add(struct transfer_writer *writer, size_t length)
{
	writer->used += length;
	writer->lines++;
	metrics_set(METRIC_TRANSFER_LINES_WAITING, writer->lines);
}

#endif
