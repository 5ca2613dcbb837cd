#include "admin_cmd/admin/value.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/admin/operation_table.h"
#include "admin_cmd/admin/shorthand.h"
#include "common/model/operations.h"

#define VALUE_PATH_MAX 256
#define WHITE_SPACE " \t\r\n"

int
value_number(const char *text, double *number)
{
	size_t digits = strspn(text, "0123456789");

	/* Up to 15 digits a double is exact; no number of the API has more than ten. */
	if (digits == 0 || digits > 15 || text[digits] != '\0')
		return -1;
	*number = (double)strtoull(text, NULL, 10);
	return 0;
}

/* The string as the shape wants it: a copy, or the number that it says. NULL with *error. */
static cJSON *
convert_string(const struct shape *shape, const char *string, const char *path, struct api_error *error)
{
	cJSON *item;
	double number = 0;

	if (shape->kind == SHAPE_INTEGER && value_number(string, &number) == -1) {
		api_fail(error, API_VALIDATION, "Parameter validation failed: "
		    "Invalid value for parameter %s: \"%.40s\" is not a whole number", path, string);
		return NULL;
	}
	if (shape->kind == SHAPE_INTEGER)
		item = cJSON_CreateNumber(number);
	else
		item = cJSON_CreateString(string);
	if (item == NULL)
		api_fail_memory(error);
	return item;
}

const struct shape *
value_member_shape(const struct shape *shape, const char *name)
{
	for (const struct shape_member *member = shape->members; member->name != NULL; member++) {
		if (strcmp(member->name, name) == 0)
			return member->shape;
	}
	return NULL;
}

static int fit(const struct shape *shape, cJSON *parent, cJSON *item, const char *path, struct api_error *error);

static int
fit_children(const struct shape *shape, cJSON *item, const char *path, struct api_error *error)
{
	const struct shape *inner = shape->item;
	char inner_path[VALUE_PATH_MAX];
	size_t index = 0;

	for (cJSON *child = item->child, *next; child != NULL; child = next) {
		next = child->next; /* fit() may put another in its place */
		if (shape->kind == SHAPE_LIST)
			snprintf(inner_path, sizeof(inner_path), "%.200s[%zu]", path, index++);
		else if ((inner = value_member_shape(shape, child->string)) == NULL)
			continue; /* request_check() says so */
		else
			snprintf(inner_path, sizeof(inner_path), "%.128s.%.64s", path, child->string);
		if (fit(inner, item, child, inner_path, error) == -1)
			return -1;
	}
	return 0;
}

/* Takes `with` over, and puts it in the place of `item`. */
static int
replace(cJSON *parent, cJSON *item, cJSON *with, struct api_error *error)
{
	char *name = NULL;
	cJSON_bool done;

	if (with == NULL)
		return -1;
	if (item->string == NULL)
		done = cJSON_ReplaceItemViaPointer(parent, item, with);
	else
		done = (name = strdup(item->string)) != NULL && cJSON_ReplaceItemInObjectCaseSensitive(parent, name, with);
	free(name);
	if (done)
		return 0;
	cJSON_Delete(with);
	return api_fail_memory(error);
}

/* A list of one, from a lone string: what "SecondaryGids=7001" means. */
static cJSON *
list_of_one(const struct shape *shape, const char *string, const char *path, struct api_error *error)
{
	cJSON *item = convert_string(shape->item, string, path, error), *list;

	if (item == NULL)
		return NULL;
	if ((list = cJSON_CreateArray()) != NULL && cJSON_AddItemToArray(list, item))
		return list;
	cJSON_Delete(item);
	cJSON_Delete(list);
	api_fail_memory(error);
	return NULL;
}

/*
 * Shorthand is all strings: makes of it what the shape says. JSON has types of its own and needs none of this; what has the
 * right form and breaks a rule is the operation's to refuse.
 */
static int
fit(const struct shape *shape, cJSON *parent, cJSON *item, const char *path, struct api_error *error)
{
	if ((shape->kind == SHAPE_LIST && cJSON_IsArray(item)) || (shape->kind == SHAPE_STRUCTURE && cJSON_IsObject(item)))
		return fit_children(shape, item, path, error);
	if (shape->kind == SHAPE_LIST && cJSON_IsString(item))
		return replace(parent, item, list_of_one(shape, item->valuestring, path, error), error);
	if (shape->kind == SHAPE_INTEGER && cJSON_IsString(item))
		return replace(parent, item, convert_string(shape, item->valuestring, path, error), error);
	if (shape->kind == SHAPE_STRING && cJSON_IsArray(item))
		return api_fail(error, API_VALIDATION, "Parameter validation failed: "
		    "Invalid type for parameter %s: a list, where one string belongs; quote one that holds a comma", path);
	return 0;
}

/* A structure, or a list of them, from one word. */
static cJSON *
parse_word(const struct shape *shape, const char *flag, const char *text, const char *path, struct api_error *error)
{
	const char *start = text + strspn(text, WHITE_SPACE);
	bool shorthand = *start != '{' && *start != '[';
	struct api_error cause = { .code = API_OK };
	cJSON *item = shorthand ? shorthand_parse(text, &cause) : operation_parse(text, strlen(text), &cause);

	if (item == NULL && cause.code == API_UNAVAILABLE)
		*error = cause;
	else if (item == NULL)
		api_fail(error, API_VALIDATION, "Error parsing parameter '--%s': %s%s", flag,
		    shorthand ? "" : "Invalid JSON: ", cause.message);
	if (item == NULL || !shorthand || fit(shape, NULL, item, path, error) == 0)
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* Moves one list's items to the end of another. */
static int
move_items(cJSON *from, cJSON *to, struct api_error *error)
{
	cJSON *item;

	while ((item = cJSON_DetachItemViaPointer(from, from->child)) != NULL) {
		if (!cJSON_AddItemToArray(to, item)) {
			cJSON_Delete(item);
			return api_fail_memory(error);
		}
	}
	return 0;
}

/* One word of a list: an item of it, or a whole list as JSON. */
static int
add_word(const struct shape_member *member, const char *flag, cJSON *list, const char *text, struct api_error *error)
{
	const struct shape *shape = member->shape->item;
	char path[VALUE_PATH_MAX];
	cJSON *item;
	int result;

	snprintf(path, sizeof(path), "%s[%d]", member->name, cJSON_GetArraySize(list));
	if (shape->kind == SHAPE_STRUCTURE || text[strspn(text, WHITE_SPACE)] == '[')
		item = parse_word(shape, flag, text, path, error);
	else
		item = convert_string(shape, text, path, error);
	if (item == NULL)
		return -1;
	if (!cJSON_IsArray(item) && cJSON_AddItemToArray(list, item))
		return 0;
	result = cJSON_IsArray(item) ? move_items(item, list, error) : api_fail_memory(error);
	cJSON_Delete(item);
	return result;
}

static cJSON *
parse_list(const struct shape_member *member, const char *flag, const char *const *words, size_t word_count,
    struct api_error *error)
{
	cJSON *list = cJSON_CreateArray();
	int result = list == NULL ? api_fail_memory(error) : 0;

	for (size_t i = 0; i < word_count && result == 0; i++) {
		char *text = value_load(flag, words[i], error);

		result = text == NULL ? -1 : add_word(member, flag, list, text, error);
		free(text);
	}
	if (result == 0)
		return list;
	cJSON_Delete(list);
	return NULL;
}

cJSON *
value_parse(const struct shape_member *member, const char *const *words, size_t word_count, struct api_error *error)
{
	char flag[FLAG_NAME_SIZE], *text;
	cJSON *item;

	flag_name(member->name, flag);
	if (member->shape->kind == SHAPE_LIST)
		return parse_list(member, flag, words, word_count, error);
	if ((text = value_load(flag, words[0], error)) == NULL)
		return NULL;
	if (member->shape->kind == SHAPE_STRUCTURE)
		item = parse_word(member->shape, flag, text, member->name, error);
	else
		item = convert_string(member->shape, text, member->name, error);
	free(text);
	return item;
}
