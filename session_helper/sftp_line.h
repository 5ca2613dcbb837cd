/*
 * One line of sftp-server's log, taken apart: the forms of OpenSSH 9.2 to 10.x at LogLevel INFO and VERBOSE.
 *
 * The names in a line are the client's choice, and hostile. sftp-server quotes them, but escapes no quote inside, so a form
 * is read from its fixed end backwards, where no quote can stand; a line of two names that could be split at more than one
 * place is not split at all. Escapes (vis(3)'s: \n, \303) are undone: names are bytes as in the file system.
 *
 * No state, no memory but the caller's.
 */
#ifndef BERTH_SFTP_LINE_H
#define BERTH_SFTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/event.h"

/* sftp-server's own limit for a line. One that is as long may have been longer. */
#define SFTP_LINE_MAX 500
/* In its errors, a name ends after this many bytes. */
#define SFTP_FAULT_NAME_MAX 100

enum sftp_line_kind {
	SFTP_OTHER,    /* fits no form, or not surely: text; a cut open or close has its name too */
	SFTP_SESSION_OPENED,
	SFTP_SESSION_CLOSED,
	SFTP_OPEN,     /* name, flags */
	SFTP_CLOSE,    /* name, bytes_read, bytes_written, forced */
	SFTP_OPENDIR,  /* name; so have the next four */
	SFTP_CLOSEDIR,
	SFTP_MKDIR,
	SFTP_RMDIR,
	SFTP_REMOVE,
	SFTP_RENAME,   /* name, new_name; so have the next two */
	SFTP_SYMLINK,  /* name is what the new link points to */
	SFTP_LINK,
	SFTP_SETSTAT,  /* name; detail: "mode 0644", "" when the line was cut */
	SFTP_STATVFS,  /* name */
	SFTP_STATUS,   /* detail: sftp-server's word for it, "No such file" */
	SFTP_FAULT,    /* a read or write that failed: name (at most SFTP_FAULT_NAME_MAX bytes of it), detail: why */
	SFTP_SYNC,     /* name; LogLevel VERBOSE; so is the next */
	SFTP_SILENT,   /* a request that changes nothing, like stat */
	SFTP_NOTICE,   /* stands between a request's line and its status */
	SFTP_ERROR,    /* sftp-server's errors, but SFTP_FAULT */
	SFTP_DEBUG,
	SFTP_LINE_KINDS
};

enum sftp_open_flag { SFTP_READ = 1, SFTP_WRITE = 2, SFTP_APPEND = 4, SFTP_CREATE = 8, SFTP_TRUNCATE = 16, SFTP_EXCL = 32 };

/* What a kind doesn't have is 0 or "". Strings live in the struct itself, which is so not to be copied. */
struct sftp_line {
	enum sftp_line_kind kind;
	bool cut;       /* the line was cut: name holds what is surely a beginning of it */
	bool close;     /* SFTP_OTHER that is a cut close */
	bool forced;    /* SFTP_CLOSE: not the client closed it, but the session's end */
	unsigned flags; /* SFTP_OPEN: enum sftp_open_flag */
	uint64_t bytes_read, bytes_written;
	const char *name, *new_name, *detail;
	const char *text; /* the line as it was, at most EVENT_TEXT_MAX bytes */
	char memory[2 * (SFTP_LINE_MAX + 1) + EVENT_TEXT_MAX + 1 + SFTP_LINE_MAX + 1];
};

/* sftp_line_parse: message is what syslog(3) was given: any bytes; it ends at a NUL. */
void sftp_line_parse(const char *message, size_t length, struct sftp_line *line);

#endif
