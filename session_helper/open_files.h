/*
 * The files that one sftp process has open, as its log's lines tell, in the order of their opening. Names are hostile, and
 * the same name can be open more than once.
 */
#ifndef BERTH_OPEN_FILES_H
#define BERTH_OPEN_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/event.h"
#include "session_helper/sftp_line.h"

struct open_file {
	unsigned flags;   /* enum sftp_open_flag */
	int64_t opened;   /* microseconds since 1970 */
	bool refused;     /* an event said that it could not be opened; a close would prove it wrong */
	uint64_t refusal; /* that event's sequence, 0 when it was lost */
	char reason[EVENT_STATUS_MAX + 1]; /* why it isn't whole; "": nothing is known */
	char name[SFTP_LINE_MAX + 1];
};

struct open_files {
	struct open_file **list;
	size_t count, room;
};

/* open_file_new: NULL without memory. The caller frees it, or gives it to a list. */
struct open_file *open_file_new(const char *name, unsigned flags, int64_t opened);

/* open_file_blame: notes a reason; the first counts, unless it was sftp-server's word for any, "Failure". */
void open_file_blame(struct open_file *file, const char *reason);

/* open_files_add: takes the file over. False, with the file freed, without memory. */
bool open_files_add(struct open_files *files, struct open_file *file);

/*
 * open_files_take: the file that a close line means, which is the caller's now; NULL when none fits. Of several with this
 * name the oldest whose flags allow the bytes; only then the newest of those that could not be opened.
 */
struct open_file *open_files_take(struct open_files *files, const struct sftp_line *close);

/* open_files_take_first: the oldest; NULL when there are no more. */
struct open_file *open_files_take_first(struct open_files *files);

/* open_files_blame: all of this name; a name of SFTP_FAULT_NAME_MAX bytes may be longer. */
void open_files_blame(struct open_files *files, const char *name, const char *reason);

/* open_files_blame_written: all that are open for writing. False when there are none. */
bool open_files_blame_written(struct open_files *files, const char *reason);
bool open_files_any_written(const struct open_files *files);

/* open_files_forget_refused: drops the oldest of those that could not be opened, until there are at most `most`. */
void open_files_forget_refused(struct open_files *files, size_t most);

void open_files_clear(struct open_files *files);

#endif
