/*
 * The lines of a file, a pipe or a terminal, one after the other, in memory that no input can make grow beyond a line's
 * limit.
 */
#ifndef BERTH_IMPORT_LINES_H
#define BERTH_IMPORT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A user's mappings may be 8 MiB; this leaves room for the rest. */
#define IMPORT_LINE_MAX (9u * 1024 * 1024)

struct import_lines {
	int file;
	char *buffer;
	size_t size, start, end; /* what is read and not yet taken: start to end */
	size_t searched;         /* from start on: no line end there */
	size_t number;           /* of the last line taken, from 1 */
	uint64_t taken;          /* bytes of all lines taken */
	bool finished, skipping;
};

enum import_line { IMPORT_LINE, IMPORT_LINE_TOO_LONG, IMPORT_LINE_END, IMPORT_LINE_FAILED };

/* import_lines_start: the descriptor stays the caller's. Returns 0, or -1 when memory is out. */
int import_lines_start(struct import_lines *lines, int file);
void import_lines_free(struct import_lines *lines);

/*
 * import_lines_next: the next line without its end (LF or CR LF), which lives until the next call; the last one may lack its
 * end. A byte order mark at the very beginning is no part of it. FAILED: reading failed, errno says why.
 */
enum import_line import_lines_next(struct import_lines *lines, const char **text, size_t *length);
/* import_lines_ready: whether the next call has something to go by at once. A pipe's writer may take its time. */
bool import_lines_ready(const struct import_lines *lines);

#endif
