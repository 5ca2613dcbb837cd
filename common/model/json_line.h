/*
 * A log's line of JSON, written into memory of the caller's: bounded, and whatever stands in a string, one line that shows
 * what it holds.
 */
#ifndef BERTH_JSON_LINE_H
#define BERTH_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_LINE_TIME_LENGTH 27 /* "2026-11-22T14:00:00.123456Z" */

struct json_line {
	char *at, *end; /* where the next byte goes; where the memory ends */
	bool overflow;  /* there was no room for all of it: the line is of no use */
};

/* json_line_text, json_line_put, json_line_bytes: what is JSON already. */
void json_line_text(struct json_line *line, const char *text);
void json_line_put(struct json_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void json_line_bytes(struct json_line *line, const char *bytes, size_t length);
/* json_line_string: "name":"value". A byte that isn't UTF-8 becomes U+FFFD; what would act on a terminal is escaped. */
void json_line_string(struct json_line *line, const char *name, const char *value);
/* json_line_time: of microseconds since 1970, without quotes, JSON_LINE_TIME_LENGTH bytes. */
void json_line_time(struct json_line *line, int64_t microseconds);

#endif
