#include "common/model/json_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/model/text.h"

#define MICROSECONDS 1000000
#define TIME_LAST    253402300799 /* 9999-12-31T23:59:59Z: a year has four digits */

void
json_line_put(struct json_line *line, const char *format, ...)
{
	size_t room = (size_t)(line->end - line->at);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->at, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		line->overflow = true;
	else
		line->at += length;
}

void
json_line_bytes(struct json_line *line, const char *bytes, size_t length)
{
	if (length > (size_t)(line->end - line->at)) {
		line->overflow = true;
		return;
	}
	memcpy(line->at, bytes, length);
	line->at += length;
}

void
json_line_text(struct json_line *line, const char *text)
{
	json_line_bytes(line, text, strlen(text));
}

/* plain_bytes: how many bytes from here on are as good in JSON as they are; most texts are so to their end. */
static size_t
plain_bytes(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\')
		at++;
	return (size_t)(at - start);
}

/* put_character: the one at *at, or U+FFFD for a byte that begins none. */
static void
put_character(struct json_line *line, const char **at, const char *end)
{
	const char *start = *at;
	int32_t point = text_next(at, end);

	if (point < 0) {
		*at += 1;
		json_line_bytes(line, "\xef\xbf\xbd", 3);
	} else if (point == '"' || point == '\\') {
		json_line_put(line, "\\%c", (char)point);
	} else if (text_is_unsafe(point)) {
		json_line_put(line, "\\u%04x", (unsigned)point);
	} else {
		json_line_bytes(line, start, (size_t)(*at - start));
	}
}

void
json_line_string(struct json_line *line, const char *name, const char *value)
{
	const char *end = value + strlen(value);
	size_t plain;

	json_line_text(line, "\"");
	json_line_text(line, name);
	json_line_text(line, "\":\"");
	while (value < end) {
		plain = plain_bytes(value, end);
		json_line_bytes(line, value, plain);
		value += plain;
		if (value < end)
			put_character(line, &value, end);
	}
	json_line_text(line, "\"");
}

void
json_line_time(struct json_line *line, int64_t microseconds)
{
	time_t seconds = microseconds / MICROSECONDS;
	struct tm utc;

	if (seconds > TIME_LAST)
		seconds = TIME_LAST;
	if (gmtime_r(&seconds, &utc) == NULL) {
		line->overflow = true;
		return;
	}
	json_line_put(line, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
	    utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(microseconds % MICROSECONDS));
}
