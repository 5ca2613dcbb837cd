#include "admin_cmd/import/import_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_START (256u * 1024)
#define BUFFER_MAX   (IMPORT_LINE_MAX + 2) /* and the line's end */

static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";

int
import_lines_start(struct import_lines *lines, int file)
{
	memset(lines, 0, sizeof(*lines));
	lines->file = file;
	lines->size = BUFFER_START;
	lines->buffer = malloc(lines->size);
	return lines->buffer == NULL ? -1 : 0;
}

void
import_lines_free(struct import_lines *lines)
{
	free(lines->buffer);
	lines->buffer = NULL;
}

/* Room behind what is there: it moves to the front, and only then the buffer grows. False: as large as it may be. */
static bool
make_room(struct import_lines *lines)
{
	size_t size = lines->size * 2 > BUFFER_MAX ? BUFFER_MAX : lines->size * 2;
	char *buffer;

	if (lines->start > 0) {
		memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->end < lines->size)
		return true;
	if (size == lines->size || (buffer = realloc(lines->buffer, size)) == NULL)
		return false;
	lines->buffer = buffer;
	lines->size = size;
	return true;
}

/* Reads more. What is longer than a line may be is thrown away as it comes. Returns -1 with errno. */
static int
fill(struct import_lines *lines)
{
	ssize_t count;

	if (lines->skipping) {
		lines->taken += lines->end - lines->start;
		lines->start = lines->end = lines->searched = 0;
	} else if (!make_room(lines)) {
		lines->skipping = true;
		return 0;
	}
	do
		count = read(lines->file, lines->buffer + lines->end, lines->size - lines->end);
	while (count == -1 && errno == EINTR);
	if (count == -1)
		return -1;
	lines->finished = count == 0;
	lines->end += (size_t)count;
	return 0;
}

/* Takes the line that ends at `length` with an end of `end_length` bytes. */
static enum import_line
take(struct import_lines *lines, size_t length, size_t end_length, const char **text, size_t *text_length)
{
	bool too_long = lines->skipping;

	*text = lines->buffer + lines->start;
	*text_length = length;
	lines->number++;
	lines->start += length + end_length;
	lines->taken += length + end_length;
	lines->searched = 0;
	lines->skipping = false;
	if (too_long)
		return IMPORT_LINE_TOO_LONG;
	if (length > 0 && (*text)[length - 1] == '\r')
		(*text_length)--;
	if (lines->number == 1 && *text_length >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(*text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		*text += strlen(BYTE_ORDER_MARK);
		*text_length -= strlen(BYTE_ORDER_MARK);
	}
	return *text_length > IMPORT_LINE_MAX ? IMPORT_LINE_TOO_LONG : IMPORT_LINE;
}

enum import_line
import_lines_next(struct import_lines *lines, const char **text, size_t *length)
{
	size_t there;
	char *from, *newline;

	for (;;) {
		there = lines->end - lines->start;
		from = lines->buffer + lines->start;
		newline = memchr(from + lines->searched, '\n', there - lines->searched);
		if (newline != NULL)
			return take(lines, (size_t)(newline - from), 1, text, length);
		lines->searched = there;
		if (lines->finished)
			return there == 0 && !lines->skipping ? IMPORT_LINE_END : take(lines, there, 0, text, length);
		if (fill(lines) == -1)
			return IMPORT_LINE_FAILED;
	}
}

bool
import_lines_ready(const struct import_lines *lines)
{
	struct pollfd input = { .fd = lines->file, .events = POLLIN };
	size_t there = lines->end - lines->start;

	if (lines->finished || memchr(lines->buffer + lines->start, '\n', there) != NULL)
		return true;
	return poll(&input, 1, 0) != 0;
}
