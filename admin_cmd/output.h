/*
 * Printing what an operation answered. Strings may come from anybody who can write a record, so control characters
 * never reach the terminal: JSON escapes them, text and table print \xNN.
 */
#ifndef BERTH_OUTPUT_H
#define BERTH_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

enum output_format { OUTPUT_DEFAULT = 0, OUTPUT_JSON, OUTPUT_TEXT, OUTPUT_TABLE };

/* output_format_parse: 0, or -1 when the name is none of json, text, table. */
int output_format_parse(const char *name, enum output_format *format);

/* output_response: prints a response on stdout; title stands above a table. Returns 0, or -1 after saying why on stderr. */
int output_response(enum output_format format, const char *title, const cJSON *response);

/* output_scalar: a string, number or boolean as text and table show it. DateImported's seconds are shown as a date (ISO
 * 8601, local time). The caller frees it; NULL: no memory. */
char *output_scalar(const cJSON *item);
/* output_control_length: the bytes of the control character that text begins with: C0, DEL, or C1 (two bytes of UTF-8, the
 * second one its code). 0: it begins with none. */
size_t output_control_length(const char *text);
/* output_safe: a copy of text without control characters; the caller frees it. NULL: no memory. */
char *output_safe(const char *text);
/* output_time: seconds since 1970 as ISO 8601 in local time. */
void output_time(double seconds, char *text, size_t size);

/* The three forms, each in its file. 0, or -1 when memory is short. */
int output_json(FILE *stream, const cJSON *item);
int output_text(FILE *stream, const cJSON *item);
int output_table(FILE *stream, const char *title, const cJSON *item);

/* Parts of JSON, for who prints the rest: a member of the outermost object, and an item of a list that is such a member,
 * each on a line of its own. */
int output_json_member(FILE *stream, const cJSON *member);
int output_json_listed(FILE *stream, const cJSON *item);

/* output_flush: whether all that was printed on stdout got there: 0, or -1 after saying on stderr that it didn't. */
int output_flush(void);

/* output_is_scalar: neither object nor array. */
bool output_is_scalar(const cJSON *item);

/*
 * output_members: the names of an object's members, or of all the objects' in a list, sorted and each once: those that
 * are scalars, or those that aren't. The names live as long as `item`; the caller frees the array. -1: no memory.
 */
struct output_members {
	const char **names;
	size_t count;
};
int output_members(const cJSON *item, bool scalars, struct output_members *members);

#endif
