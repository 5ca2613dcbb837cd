/*
 * What the service would say of a request: its shape's constraints once more, worded by hand from the service's messages and
 * with the patterns read from their text. A second opinion on shapes_check(), fault by fault.
 */
#ifndef BERTH_TEST_SHAPE_FAULTS_H
#define BERTH_TEST_SHAPE_FAULTS_H

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/model/keys.h"
#include "common/model/shapes.h"
#include "tests/unit/pattern_reader.h"

#define FAULTS_TEXT_MAX 65536

struct faults {
	size_t count;
	size_t length;
	char list[FAULTS_TEXT_MAX];
	char message[FAULTS_TEXT_MAX + 64];
};

/* How many bytes follow the first one of a character; -1: it is no first one. */
static inline int
faults_following(int32_t first)
{
	if (first < 0x80)
		return 0;
	if (first < 0xc2 || first > 0xf4)
		return -1;
	return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* A text's code points; the number of them, or -1 when it isn't UTF-8 (by the table of RFC 3629). */
static inline long
faults_points(const char *text, int32_t *points, size_t room)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t count = 0;
	int more, i;

	for (; *at != '\0'; count++) {
		int32_t c = *at++;

		more = faults_following(c);
		if (more == -1 || count == room)
			return -1;
		c &= more == 0 ? 0x7f : more == 1 ? 0x1f : more == 2 ? 0x0f : 0x07;
		for (i = 0; i < more; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return -1;
			c = c << 6 | (*at & 0x3f);
		}
		if ((more == 2 && c < 0x800) || (c >= 0xd800 && c <= 0xdfff) || (more == 3 && (c < 0x10000 || c > 0x10ffff)))
			return -1;
		points[count] = c;
	}
	return (long)count;
}

__attribute__((format(printf, 4, 5))) static inline void
faults_add(struct faults *faults, const char *path, const char *value, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (faults->length < sizeof(faults->list) - sizeof(text) - 512)
		faults->length += (size_t)sprintf(faults->list + faults->length,
		    "%sValue %sat '%s' failed to satisfy constraint: %s", faults->count == 0 ? "" : "; ", value, path, text);
	faults->count++;
}

static inline void
faults_of_pattern(struct faults *faults, const struct shape *shape, const char *path, const char *text,
    const int32_t *points, size_t length)
{
	struct pattern pattern;
	const char *looks_like;

	pattern_read(&pattern, shape->pattern);
	if (pattern_matches(&pattern, points, length))
		return;
	looks_like = shape->looks_like == NULL ? NULL : shape->looks_like(text);
	faults_add(faults, path, "", "Member must satisfy regular expression pattern: %s%s%s%s", shape->pattern,
	    looks_like == NULL ? "" : " (this looks like ", looks_like == NULL ? "" : looks_like,
	    looks_like == NULL ? "" : ")");
}

static inline void
faults_of_enum(struct faults *faults, const struct shape *shape, const char *path, const char *text)
{
	char set[512] = "";
	size_t i;

	for (i = 0; shape->values[i] != NULL; i++) {
		if (strcmp(shape->values[i], text) == 0)
			return;
		strcat(strcat(set, i == 0 ? "" : ", "), shape->values[i]);
	}
	faults_add(faults, path, "", "Member must satisfy enum value set: [%s]", set);
}

static inline void
faults_of_string(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value)
{
	static int32_t points[PATTERN_TEXT_MAX];
	long length;

	if (!cJSON_IsString(value)) {
		faults_add(faults, path, "", "Member must be a string");
		return;
	}
	length = faults_points(value->valuestring, points, PATTERN_TEXT_MAX);
	if (length == -1) {
		faults_add(faults, path, "", "Member must be UTF-8");
		return;
	}
	if (length < shape->min)
		faults_add(faults, path, "", "Member must have length greater than or equal to %ld", (long)shape->min);
	if (shape->max != 0 && length > shape->max && shape->too_long != NULL)
		faults_add(faults, path, "", "%s", shape->too_long);
	else if (shape->max != 0 && length > shape->max)
		faults_add(faults, path, "", "Member must have length less than or equal to %ld", (long)shape->max);
	if (shape->pattern != NULL)
		faults_of_pattern(faults, shape, path, value->valuestring, points, (size_t)length);
	if (shape->values != NULL)
		faults_of_enum(faults, shape, path, value->valuestring);
}

static inline void
faults_of_integer(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value)
{
	double number = value->valuedouble;

	if (!cJSON_IsNumber(value) || !(number >= -9007199254740992.0 && number <= 9007199254740992.0) ||
	    number != (double)(long long)number)
		faults_add(faults, path, "", "Member must be an integer");
	else if (number < (double)shape->min)
		faults_add(faults, path, "", "Member must have value greater than or equal to %ld", (long)shape->min);
	else if (number > (double)shape->max)
		faults_add(faults, path, "", "Member must have value less than or equal to %ld", (long)shape->max);
}

static inline void faults_of(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value);

static inline void
faults_of_list(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value)
{
	long count = cJSON_GetArraySize(value), index = 0;
	const cJSON *item;
	char under[512];

	if (!cJSON_IsArray(value)) {
		faults_add(faults, path, "", "Member must be a list");
		return;
	}
	if (count < shape->min)
		faults_add(faults, path, "", "Member must have length greater than or equal to %ld", (long)shape->min);
	if (shape->max != 0 && count > shape->max) {
		faults_add(faults, path, "", "Member must have length less than or equal to %ld", (long)shape->max);
		return;
	}
	cJSON_ArrayForEach(item, value) {
		snprintf(under, sizeof(under), "%.400s.%ld.member", path, ++index);
		if (cJSON_IsNull(item))
			faults_add(faults, under, "null ", "Member must not be null");
		else
			faults_of(faults, shape->item, under, item);
	}
}

static inline void
faults_of_structure(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value)
{
	const struct shape_member *member;
	const cJSON *given;
	char under[600];

	if (!cJSON_IsObject(value)) {
		faults_add(faults, path, "", "Member must be a structure");
		return;
	}
	for (member = shape->members; member->name != NULL; member++) {
		snprintf(under, sizeof(under), "%.400s%s%c%.100s", path, path[0] == '\0' ? "" : ".",
		    tolower((unsigned char)member->name[0]), member->name + 1);
		given = cJSON_GetObjectItemCaseSensitive(value, member->name);
		if (given != NULL && !cJSON_IsNull(given))
			faults_of(faults, member->shape, under, given);
		else if (member->required)
			faults_add(faults, under, "null ", "Member must not be null");
	}
}

static inline void
faults_of(struct faults *faults, const struct shape *shape, const char *path, const cJSON *value)
{
	switch (shape->kind) {
	case SHAPE_STRING:
		faults_of_string(faults, shape, path, value);
		break;
	case SHAPE_INTEGER:
		faults_of_integer(faults, shape, path, value);
		break;
	case SHAPE_LIST:
		faults_of_list(faults, shape, path, value);
		break;
	case SHAPE_STRUCTURE:
		faults_of_structure(faults, shape, path, value);
		break;
	case SHAPE_TIME: /* of no request */
		break;
	}
}

/* All faults of a request, and the message that they make. */
static inline void
faults_find(struct faults *faults, const struct shape *shape, const cJSON *request)
{
	static const char POLICY[] = "Value at 'policy' failed to satisfy constraint: Cannot exceed quota";

	faults->count = faults->length = 0;
	faults->list[0] = '\0';
	faults_of(faults, shape, "", request);
	if (faults->count == 1 && strncmp(faults->list, POLICY, strlen(POLICY)) == 0)
		snprintf(faults->message, sizeof(faults->message), "%s", strstr(faults->list, "Cannot"));
	else
		snprintf(faults->message, sizeof(faults->message), "%zu validation error%s detected: %s", faults->count,
		    faults->count == 1 ? "" : "s", faults->list);
}

#endif
