#include "admin_cmd/tail/tail_lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/host/whole_io.h"

#define BLOCK 65536

/* A line that is put together from its end, at the end of its memory. */
struct back {
	tail_back_visit *visit;
	void *context;
	char block[BLOCK];
	char line[TAIL_LINE_MAX];
	size_t length;  /* more than TAIL_LINE_MAX: too long, and line holds nothing */
	bool ended;     /* its newline was seen, and is at: */
	off_t newline;
};

static void
put_before(struct back *back, const char *bytes, size_t length)
{
	back->length += length;
	if (back->length <= TAIL_LINE_MAX)
		memcpy(back->line + TAIL_LINE_MAX - back->length, bytes, length);
	else
		back->length = TAIL_LINE_MAX + 1;
}

/* The line is whole and begins at `first`. Returns whether that was enough, and *start says where to begin. */
static bool
give(struct back *back, off_t first, off_t *start)
{
	bool fits = back->length <= TAIL_LINE_MAX;
	enum tail_back result = TAIL_BACK_ON;

	if (back->ended)
		result = back->visit(back->context, fits ? back->line + TAIL_LINE_MAX - back->length : NULL,
		    fits ? back->length : 0);
	*start = result == TAIL_BACK_HERE ? first : back->newline + 1;
	return result != TAIL_BACK_ON;
}

/* The lines that begin in the block, which is at `offset` of the file. Returns as give() does. */
static bool
split_block(struct back *back, size_t size, off_t offset, off_t *start)
{
	size_t end = size, at;
	const char *newline;

	while ((newline = memrchr(back->block, '\n', end)) != NULL) {
		at = (size_t)(newline - back->block);
		put_before(back, newline + 1, end - at - 1);
		if (give(back, offset + (off_t)at + 1, start))
			return true;
		back->length = 0;
		back->ended = true;
		back->newline = offset + (off_t)at;
		end = at;
	}
	put_before(back, back->block, end);
	return false;
}

static int
go_back(struct back *back, int fd, off_t end, off_t *start)
{
	while (end > 0) {
		size_t size = end < BLOCK ? (size_t)end : BLOCK;
		ssize_t got = whole_read(fd, back->block, size, end - (off_t)size);

		if (got == -1)
			return -1;
		if ((size_t)got < size) /* it was cut short meanwhile */
			break;
		end -= got;
		if (split_block(back, size, end, start))
			return 0;
	}
	if (!give(back, 0, start))
		*start = 0;
	return 0;
}

int
tail_lines_back(int fd, off_t end, tail_back_visit *visit, void *context, off_t *start)
{
	struct back *back = malloc(sizeof(*back));
	int result;

	if (back == NULL)
		return -1;
	back->visit = visit;
	back->context = context;
	back->length = 0;
	back->ended = false;
	back->newline = -1;
	result = go_back(back, fd, end, start);
	free(back);
	return result;
}

int
tail_lines_new(struct tail_lines *lines)
{
	*lines = (struct tail_lines){ .buffer = malloc(TAIL_LINE_MAX + BLOCK) };
	return lines->buffer == NULL ? -1 : 0;
}

void
tail_lines_free(struct tail_lines *lines)
{
	free(lines->buffer);
	lines->buffer = NULL;
}

bool
tail_lines_forget(struct tail_lines *lines)
{
	bool was = lines->unfinished > 0 || lines->too_long;

	lines->unfinished = 0;
	lines->too_long = false;
	return was;
}

static void
give_line(struct tail_lines *lines, char *line, size_t length, tail_line_visit *visit, void *context)
{
	if (lines->too_long || length > TAIL_LINE_MAX)
		visit(context, NULL, 0);
	else
		visit(context, line, length);
	lines->too_long = false;
}

/* `got` bytes have come behind the unfinished line. */
static void
split(struct tail_lines *lines, size_t got, tail_line_visit *visit, void *context)
{
	char *line = lines->buffer, *end = lines->buffer + lines->unfinished + got, *newline;
	char *new_bytes = lines->buffer + lines->unfinished;

	while ((newline = memchr(new_bytes, '\n', (size_t)(end - new_bytes))) != NULL) {
		give_line(lines, line, (size_t)(newline - line), visit, context);
		line = new_bytes = newline + 1;
	}
	lines->unfinished = (size_t)(end - line);
	if (lines->unfinished > TAIL_LINE_MAX)
		lines->too_long = true;
	if (lines->too_long)
		lines->unfinished = 0;
	else
		memmove(lines->buffer, line, lines->unfinished);
}

int
tail_lines_read(struct tail_lines *lines, int fd, off_t *offset, off_t end, tail_line_visit *visit, void *context)
{
	ssize_t got = 1;

	lines->unfinished = 0;
	while (*offset < end && got > 0) {
		size_t size = end - *offset < BLOCK ? (size_t)(end - *offset) : BLOCK;

		got = whole_read(fd, lines->buffer + lines->unfinished, size, *offset);
		if (got > 0) {
			*offset += got;
			split(lines, (size_t)got, visit, context);
		}
	}
	*offset -= (off_t)lines->unfinished;
	return got == -1 ? -1 : 0;
}
