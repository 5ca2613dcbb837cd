/* The walk of a request along the table. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/model/shapes.h"
#include "common/model/text.h"
#include "common/model/timestamp.h"

/* Beyond 2^53 a double isn't the integer that was written any more. */
#define EXACT_MAX 9007199254740992.0

/* Where the walk is, and what it has found: all faults are counted, and listed as long as the message has room. */
struct walk {
	char path[256];
	size_t path_length;
	size_t faults;
	char list[3900];
	size_t list_length;
	bool full; /* one had no room: those after it would hide the gap */
	const char *sole; /* the words of a fault that stands without the list's when it is the only one */
	bool closed;
};

static void check_value(struct walk *walk, const struct shape *shape, const cJSON *value);

__attribute__((format(printf, 3, 4))) static void
add_fault(struct walk *walk, const char *value, const char *format, ...)
{
	char constraint[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	vsnprintf(constraint, sizeof(constraint), format, arguments);
	va_end(arguments);
	walk->faults++;
	if (walk->full)
		return;
	length = snprintf(walk->list + walk->list_length, sizeof(walk->list) - walk->list_length,
	    "%sValue %sat '%s' failed to satisfy constraint: %s", walk->faults == 1 ? "" : "; ", value, walk->path,
	    constraint);
	walk->full = length < 0 || (size_t)length >= sizeof(walk->list) - walk->list_length;
	if (!walk->full)
		walk->list_length += (size_t)length;
	walk->list[walk->list_length] = '\0';
}

/* Steps into a member or an item, which the messages call by its path: homeDirectoryMappings.1.member.entry. */
static size_t
enter(struct walk *walk, const char *name, size_t index)
{
	size_t before = walk->path_length, room = sizeof(walk->path) - before;
	int length;

	if (name == NULL)
		length = snprintf(walk->path + before, room, ".%zu.member", index + 1);
	else
		length = snprintf(walk->path + before, room, "%s%c%s", before == 0 ? "" : ".",
		    tolower((unsigned char)name[0]), name[0] == '\0' ? "" : name + 1);
	if (length > 0 && (size_t)length < room)
		walk->path_length += (size_t)length;
	return before;
}

static void
leave(struct walk *walk, size_t before)
{
	walk->path_length = before;
	walk->path[before] = '\0';
}

static void
check_enum(struct walk *walk, const char *const *values, const char *text)
{
	char set[256] = "";
	size_t i;

	for (i = 0; values[i] != NULL; i++) {
		if (strcmp(values[i], text) == 0)
			return;
		snprintf(set + strlen(set), sizeof(set) - strlen(set), "%s%s", i == 0 ? "" : ", ", values[i]);
	}
	add_fault(walk, "", "Member must satisfy enum value set: [%s]", set);
}

static void
check_pattern(struct walk *walk, const struct shape *shape, const char *text)
{
	const char *looks_like;

	if (shape->matches(text))
		return;
	looks_like = shape->looks_like == NULL ? NULL : shape->looks_like(text);
	if (looks_like == NULL)
		add_fault(walk, "", "Member must satisfy regular expression pattern: %s", shape->pattern);
	else
		add_fault(walk, "", "Member must satisfy regular expression pattern: %s (this looks like %s)",
		    shape->pattern, looks_like);
}

static void
check_string(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	size_t characters;

	if (!cJSON_IsString(value)) {
		add_fault(walk, "", "Member must be a string");
		return;
	}
	if (!text_is_utf8(value->valuestring, strlen(value->valuestring), &characters)) {
		add_fault(walk, "", "Member must be UTF-8");
		return;
	}
	if ((int64_t)characters < shape->min)
		add_fault(walk, "", "Member must have length greater than or equal to %lld", (long long)shape->min);
	if (shape->max != 0 && (int64_t)characters > shape->max && shape->too_long != NULL) {
		add_fault(walk, "", "%s", shape->too_long);
		walk->sole = shape->too_long;
	} else if (shape->max != 0 && (int64_t)characters > shape->max)
		add_fault(walk, "", "Member must have length less than or equal to %lld", (long long)shape->max);
	if (shape->matches != NULL)
		check_pattern(walk, shape, value->valuestring);
	if (shape->values != NULL)
		check_enum(walk, shape->values, value->valuestring);
}

static void
check_integer(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	double number = value->valuedouble;

	if (!cJSON_IsNumber(value) || !(number >= -EXACT_MAX && number <= EXACT_MAX) || (double)(int64_t)number != number)
		add_fault(walk, "", "Member must be an integer");
	else if (number < (double)shape->min)
		add_fault(walk, "", "Member must have value greater than or equal to %lld", (long long)shape->min);
	else if (number > (double)shape->max)
		add_fault(walk, "", "Member must have value less than or equal to %lld", (long long)shape->max);
}

static void
check_list(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	size_t before, index = 0;
	const cJSON *item;
	int64_t count;

	if (!cJSON_IsArray(value)) {
		add_fault(walk, "", "Member must be a list");
		return;
	}
	count = cJSON_GetArraySize(value);
	if (count < shape->min)
		add_fault(walk, "", "Member must have length greater than or equal to %lld", (long long)shape->min);
	if (shape->max != 0 && count > shape->max) {
		add_fault(walk, "", "Member must have length less than or equal to %lld", (long long)shape->max);
		return;
	}
	cJSON_ArrayForEach(item, value) {
		before = enter(walk, NULL, index++);
		if (cJSON_IsNull(item))
			add_fault(walk, "null ", "Member must not be null");
		else
			check_value(walk, shape->item, item);
		leave(walk, before);
	}
}

static void
check_time(struct walk *walk, const cJSON *value)
{
	double seconds;

	if (!timestamp_read(value, &seconds))
		add_fault(walk, "", "Member must be a timestamp, in seconds since 1970 or as YYYY-MM-DDTHH:MM:SS+HH:MM");
}

static void
check_unknown(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	const struct shape_member *member;
	const cJSON *given;
	size_t before;

	cJSON_ArrayForEach(given, value) {
		for (member = shape->members; member->name != NULL; member++)
			if (strcmp(member->name, given->string) == 0)
				break;
		if (member->name != NULL)
			continue;
		before = enter(walk, given->string, 0);
		add_fault(walk, "", "Member must be one that is known here, which \"%.100s\" is not", given->string);
		leave(walk, before);
	}
}

static void
check_structure(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	const struct shape_member *member;
	const cJSON *given;
	size_t before;

	if (!cJSON_IsObject(value)) {
		add_fault(walk, "", "Member must be a structure");
		return;
	}
	for (member = shape->members; member->name != NULL; member++) {
		before = enter(walk, member->name, 0);
		given = cJSON_GetObjectItemCaseSensitive(value, member->name);
		if (given != NULL && !cJSON_IsNull(given))
			check_value(walk, member->shape, given);
		else if (member->required)
			add_fault(walk, "null ", "Member must not be null");
		leave(walk, before);
	}
	if (walk->closed)
		check_unknown(walk, shape, value);
}

static void
check_value(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	switch (shape->kind) {
	case SHAPE_STRING:
		check_string(walk, shape, value);
		break;
	case SHAPE_INTEGER:
		check_integer(walk, shape, value);
		break;
	case SHAPE_LIST:
		check_list(walk, shape, value);
		break;
	case SHAPE_STRUCTURE:
		check_structure(walk, shape, value);
		break;
	case SHAPE_TIME:
		check_time(walk, value);
		break;
	}
}

int
shapes_check(const struct shape *shape, const cJSON *request, struct api_error *error)
{
	struct walk walk = { .closed = shape->closed };

	check_value(&walk, shape, request);
	if (walk.faults == 0)
		return 0;
	if (walk.faults == 1 && walk.sole != NULL)
		return api_fail(error, API_VALIDATION, "%s", walk.sole);
	return api_fail(error, API_VALIDATION, "%zu validation error%s detected: %s", walk.faults,
	    walk.faults == 1 ? "" : "s", walk.list);
}
