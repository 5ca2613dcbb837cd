/*
 * The lines of a log that grows, from its end back and from a place on. A line ends with its newline: what comes after the
 * last one is still being written, and no line yet.
 */
#ifndef BERTH_TAIL_LINES_H
#define BERTH_TAIL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The longest event is a fifth of this. */
#define TAIL_LINE_MAX (1024 * 1024)

enum tail_back { TAIL_BACK_ON, TAIL_BACK_HERE, TAIL_BACK_BEHIND };

/*
 * tail_lines_back: the lines before `end`, the last one first, without their newlines; line NULL is one longer than
 * TAIL_LINE_MAX. The visitor says whether to go on, or that *start is to be where this line begins, or where the one behind
 * it does. When it never does, *start is 0. No more is read than that takes. 0, or -1 with errno.
 */
typedef enum tail_back tail_back_visit(void *context, const char *line, size_t length);
int tail_lines_back(int fd, off_t end, tail_back_visit *visit, void *context, off_t *start);

/* Reading on. */
struct tail_lines {
	char *buffer;      /* owned */
	size_t unfinished; /* so much was there of a line without its newline */
	bool too_long;     /* so was more of it than is kept */
};

/* tail_lines_new: 0, or -1 without memory; tail_lines_free() either way. */
int tail_lines_new(struct tail_lines *lines);
void tail_lines_free(struct tail_lines *lines);
/* tail_lines_forget: the unfinished line, if there is one. Returns whether there was. */
bool tail_lines_forget(struct tail_lines *lines);

/*
 * tail_lines_read: the lines from *offset up to `end` or the file's, each to the visitor as above. *offset moves to where
 * the next line begins: an unfinished one is read again as a whole, for its writer may take it back and write another. 0,
 * or -1 with errno.
 */
typedef void tail_line_visit(void *context, const char *line, size_t length);
int tail_lines_read(struct tail_lines *lines, int fd, off_t *offset, off_t end, tail_line_visit *visit, void *context);

#endif
