#include "common/model/text.h"

#include <string.h>

/* How many bytes a character takes by its first one, and the least code point that may be written with so many. */
static int
sequence_length(unsigned char first, int32_t *least)
{
	if ((first & 0xe0) == 0xc0) {
		*least = 0x80;
		return 2;
	}
	if ((first & 0xf0) == 0xe0) {
		*least = 0x800;
		return 3;
	}
	if ((first & 0xf8) == 0xf0) {
		*least = 0x10000;
		return 4;
	}
	return 0;
}

int32_t
text_next(const char **at, const char *end)
{
	const unsigned char *byte = (const unsigned char *)*at;
	int32_t least, point;
	int length, i;

	if (byte[0] < 0x80) {
		*at += 1;
		return byte[0];
	}
	length = sequence_length(byte[0], &least);
	if (length == 0 || end - *at < length)
		return -1;
	point = byte[0] & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return -1;
		point = point << 6 | (byte[i] & 0x3f);
	}
	if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return -1;
	*at += length;
	return point;
}

bool
text_is_utf8(const char *text, size_t length, size_t *characters)
{
	const char *at = text, *end = text + length;
	size_t count = 0;

	for (; at < end; count++)
		if (text_next(&at, end) == -1)
			return false;
	if (characters != NULL)
		*characters = count;
	return true;
}

bool
text_has_control(const char *text)
{
	const char *at = text, *end = text + strlen(text);
	int32_t point;

	while (at < end) {
		point = text_next(&at, end);
		if (point < 0x20 || (point >= 0x7f && point <= 0x9f))
			return true;
	}
	return false;
}

bool
text_is_unsafe(int32_t point)
{
	return point < ' ' || (point >= 0x7f && point <= 0x9f) || point == 0x061c || point == 0x200e || point == 0x200f ||
	    (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

void
text_make_safe(char *text)
{
	const char *at = text, *end = text + strlen(text), *from;
	int32_t point;

	while ((from = at) < end) {
		point = text_next(&at, end);
		if (point == -1)
			at = from + 1;
		if (text_is_unsafe(point))
			memset(text + (from - text), '?', (size_t)(at - from));
	}
}
