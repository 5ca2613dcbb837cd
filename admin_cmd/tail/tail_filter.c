#include "admin_cmd/tail/tail_filter.h"

#include <stdio.h>
#include <string.h>

#define TIME_START "{\"time\":\""
/* So many searches in a line cost about as much as parsing it. */
#define SEARCHES_MAX 4

#define TRANSFERS ((1u << EVENT_PUT) | (1u << EVENT_GET) | (1u << EVENT_APPEND))

const char *
tail_event_string(const cJSON *event, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));

	return text == NULL ? "" : text;
}

double
tail_event_number(const cJSON *event, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(event, name);

	return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* JSON has no bare control characters, though cJSON would take them; a host that lost power leaves NULs. */
static bool
looks_whole(const char *line, size_t length)
{
	unsigned controls = 0;

	if (line == NULL || length < 2 || line[0] != '{' || line[length - 1] != '}')
		return false;
	for (size_t i = 0; i < length; i++)
		controls += (unsigned char)line[i] < 0x20;
	return controls == 0;
}

static bool
has_string(const char *line, size_t length, const char *text)
{
	char quoted[USER_NAME_MAX + 3];
	int size;

	if (text == NULL)
		return true;
	size = snprintf(quoted, sizeof(quoted), "\"%s\"", text);
	return size >= (int)sizeof(quoted) || memmem(line, length, quoted, (size_t)size) != NULL;
}

static bool
has_operation(const char *line, size_t length, uint32_t operations)
{
	if (__builtin_popcount(operations) > SEARCHES_MAX)
		return true;
	for (unsigned i = 1; i < EVENT_OPERATIONS; i++) {
		if ((operations & (1u << i)) != 0 && has_string(line, length, event_operation_name((enum event_operation)i)))
			return true;
	}
	return false;
}

/* The operations that are asked for; 0: all. */
static uint32_t
wanted_operations(const struct tail_filter *filter)
{
	if (!filter->complete)
		return filter->operations;
	return filter->operations == 0 ? TRANSFERS : filter->operations & TRANSFERS;
}

/*
 * Whether it is worth parsing. A JSON string of none but plain letters is written in one way only, unless it has \u escapes:
 * so a line without those, and without the word between its quotes, doesn't hold it.
 */
static bool
may_fit(const struct tail_filter *filter, const char *line, size_t length)
{
	size_t start = strlen(TIME_START);
	uint32_t operations = wanted_operations(filter);

	if (memmem(line, length, "\\u", 2) != NULL)
		return true;
	if (filter->since[0] != '\0' && length > start + TAIL_TIME_SIZE && memcmp(line, TIME_START, start) == 0 &&
	    strncmp(line + start, filter->since, TAIL_TIME_SIZE - 1) < 0)
		return false;
	if (!has_string(line, length, filter->user) || !has_string(line, length, filter->session) ||
	    !has_string(line, length, filter->server))
		return false;
	return operations == 0 || has_operation(line, length, operations | tail_operation_bit(EVENT_DROPPED) |
	    tail_operation_bit(EVENT_OTHER));
}

static bool
is_as_asked(const cJSON *event, const char *name, const char *asked)
{
	return asked == NULL || strcmp(tail_event_string(event, name), asked) == 0;
}

/* is_cut_transfer: a close of sftp's without its end: of a put, an append or a get, and of how many bytes, it doesn't say. */
static bool
is_cut_transfer(const cJSON *event)
{
	const char *text = tail_event_string(event, "text");

	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(event, "cut")) &&
	    (strncmp(text, "close \"", 7) == 0 || strncmp(text, "forced close \"", 14) == 0);
}

static enum tail_verdict
judge(const struct tail_filter *filter, const cJSON *event)
{
	/* One that this release doesn't know has no bit, and is shown when no operation is asked for. */
	enum event_operation operation = event_operation_find(tail_event_string(event, "operation"));
	uint32_t wanted = wanted_operations(filter);
	bool whole = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(event, "complete"));

	if (!is_as_asked(event, "user", filter->user) || !is_as_asked(event, "session", filter->session) ||
	    !is_as_asked(event, "server", filter->server) || strcmp(tail_event_string(event, "time"), filter->since) < 0)
		return TAIL_OTHER;
	if (wanted == 0 && !filter->complete)
		return TAIL_FITS;
	if ((wanted & ~1u & tail_operation_bit(operation)) != 0 && (whole || !filter->complete))
		return TAIL_FITS;
	if (operation == EVENT_OTHER && (wanted & TRANSFERS) != 0 && is_cut_transfer(event))
		return TAIL_UNSURE;
	return operation == EVENT_DROPPED ? TAIL_LOST : TAIL_OTHER;
}

static cJSON *
read_event(const char *line, size_t length)
{
	const char *end = NULL;
	cJSON *event = cJSON_ParseWithLengthOpts(line, length, &end, false);

	if (event != NULL && end == line + length && cJSON_IsObject(event) &&
	    tail_event_string(event, "operation")[0] != '\0')
		return event;
	cJSON_Delete(event);
	return NULL;
}

enum tail_verdict
tail_filter_judge(const struct tail_filter *filter, const char *line, size_t length, cJSON **event)
{
	enum tail_verdict verdict;

	*event = NULL;
	if (!looks_whole(line, length))
		return TAIL_NO_EVENT;
	if (!may_fit(filter, line, length))
		return TAIL_OTHER;
	if ((*event = read_event(line, length)) == NULL)
		return TAIL_NO_EVENT;
	if ((verdict = judge(filter, *event)) == TAIL_OTHER) {
		cJSON_Delete(*event);
		*event = NULL;
	}
	return verdict;
}
