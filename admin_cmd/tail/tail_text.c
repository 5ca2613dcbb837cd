#include "admin_cmd/tail/tail_text.h"

#include <stdbool.h>
#include <string.h>

#include "common/model/text.h"

#define PIECE_MAX (TEXT_CHARACTER_MAX * sizeof("\\xff"))

static bool
is_harmless(int32_t character)
{
	static const struct {
		int32_t first, last;
	} harmful[] = {
		{ -1, 0x1f },         /* not UTF-8; controls */
		{ 0x7f, 0x9f },
		{ 0xad, 0xad },       /* soft hyphen */
		{ 0x61c, 0x61c },     /* direction */
		{ 0x200b, 0x200f },   /* of no width; direction */
		{ 0x2028, 0x202e },   /* ends of lines; direction */
		{ 0x2060, 0x206f },   /* of no width; direction */
		{ 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb },
		{ 0xe0000, 0xe0fff }, /* tags, which aren't shown */
	};

	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
		if (character >= harmful[i].first && character <= harmful[i].last)
			return false;
	}
	return true;
}

/* The next character, as it is to be shown. Returns how long that is. */
static size_t
next_piece(const char **at, const char *end, char piece[PIECE_MAX])
{
	const char *from = *at;
	int32_t character = text_next(at, end);
	size_t length = 0;

	if (character == -1)
		(*at)++;
	if (is_harmless(character)) {
		memcpy(piece, from, (size_t)(*at - from));
		return (size_t)(*at - from);
	}
	for (; from < *at; from++)
		length += (size_t)sprintf(piece + length, "\\x%02x", (unsigned char)*from);
	return length;
}

void
tail_text_put(FILE *stream, const char *text, size_t length)
{
	const char *end = text + length;
	char piece[PIECE_MAX];

	while (text < end) {
		size_t size = next_piece(&text, end, piece);

		fwrite(piece, 1, size, stream);
	}
}

void
tail_text_copy(char *to, size_t size, const char *text)
{
	const char *end = text + strlen(text);
	char piece[PIECE_MAX];
	size_t length;

	while (text < end && (length = next_piece(&text, end, piece)) < size) {
		memcpy(to, piece, length);
		to += length;
		size -= length;
	}
	*to = '\0';
}

void
tail_text_put_json(FILE *stream, const char *line, size_t length)
{
	const char *end = line + length;

	while (line < end) {
		const char *from = line;
		int32_t character = text_next(&line, end);

		if (character == -1)
			line++;
		if (is_harmless(character))
			fwrite(from, 1, (size_t)(line - from), stream);
		else if (character == -1)
			fputs("\\ufffd", stream);
		else if (character > 0xffff)
			fprintf(stream, "\\u%04x\\u%04x", 0xd800 + (unsigned)((character - 0x10000) >> 10),
			    0xdc00 + ((unsigned)(character - 0x10000) & 0x3ff));
		else
			fprintf(stream, "\\u%04x", (unsigned)character);
	}
}
