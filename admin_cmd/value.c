#include "admin_cmd/value.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/shorthand.h"
#include "common/model/operations.h"

#define VALUE_PATH_MAX 256
#define WHITE_SPACE " \t\r\n"

/* What stands for the whole walk over a value. */
struct fitting {
	bool shorthand; /* all strings yet; JSON has types of its own, which the operation judges */
	struct api_error *error;
};

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

/* A value from shorthand is all strings: this is the string as the shape wants it. Returns the item to put in the string's
 * place, or NULL with *error. */
static cJSON *
convert_string(const struct value_shape *shape, const cJSON *string, const char *path, struct api_error *error)
{
	cJSON *item;
	double number = 0;

	if (shape->kind == VALUE_INTEGER && value_number(string->valuestring, &number) == -1) {
		api_fail(error, API_VALIDATION, "Parameter validation failed: "
		    "Invalid value for parameter %s: \"%.40s\" is not a whole number", path, string->valuestring);
		return NULL;
	}
	if (shape->kind == VALUE_INTEGER)
		item = cJSON_CreateNumber(number);
	else
		item = cJSON_CreateString(string->valuestring);
	if (item == NULL)
		api_fail_memory(error);
	return item;
}

static int
fail_unknown_member(const struct value_shape *shape, const char *name, const char *path, struct api_error *error)
{
	char known[512];
	size_t used = 0;

	for (const struct value_member *member = shape->members; member->name != NULL; member++) {
		int length = snprintf(known + used, sizeof(known) - used, "%s%s", used == 0 ? "" : ", ", member->name);

		if (length < 0 || (size_t)length >= sizeof(known) - used)
			break;
		used += (size_t)length;
	}
	return api_fail(error, API_VALIDATION, "Parameter validation failed: "
	    "Unknown parameter in %s: \"%.64s\", must be one of: %s", path, name, known);
}

static const struct value_shape *
member_shape(const struct value_shape *shape, const char *name)
{
	for (const struct value_member *member = shape->members; member->name != NULL; member++) {
		if (strcmp(member->name, name) == 0)
			return member->shape;
	}
	return NULL;
}

static int fit(const struct fitting *fitting, const struct value_shape *shape, cJSON *parent, cJSON *item, const char *path);

static int
fit_children(const struct fitting *fitting, const struct value_shape *shape, cJSON *item, const char *path)
{
	const struct value_shape *inner = shape->item;
	char inner_path[VALUE_PATH_MAX];
	size_t index = 0;

	for (cJSON *child = item->child, *next; child != NULL; child = next) {
		next = child->next; /* fit() may put another in its place */
		if (shape->kind == VALUE_LIST)
			snprintf(inner_path, sizeof(inner_path), "%.200s[%zu]", path, index++);
		else if ((inner = member_shape(shape, child->string)) == NULL)
			return fail_unknown_member(shape, child->string, path, fitting->error);
		else
			snprintf(inner_path, sizeof(inner_path), "%.128s.%.64s", path, child->string);
		if (fit(fitting, inner, item, child, inner_path) == -1)
			return -1;
	}
	return 0;
}

/* Takes `with` over, and puts it in the place of `item`. */
static int
replace(const struct fitting *fitting, cJSON *parent, cJSON *item, cJSON *with)
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
	return api_fail_memory(fitting->error);
}

/* A list of one, from a lone string: what "SecondaryGids=7001" means. */
static cJSON *
list_of_one(const struct value_shape *shape, const cJSON *string, const char *path, struct api_error *error)
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
 * Refuses names that nobody knows (the operations pass over them: a typing error would be lost), and makes what came from
 * shorthand what the shape says. What has the right form and breaks a rule is the operation's to refuse.
 */
static int
fit(const struct fitting *fitting, const struct value_shape *shape, cJSON *parent, cJSON *item, const char *path)
{
	if ((shape->kind == VALUE_LIST && cJSON_IsArray(item)) || (shape->kind == VALUE_STRUCTURE && cJSON_IsObject(item)))
		return fit_children(fitting, shape, item, path);
	if (!fitting->shorthand)
		return 0;
	if (shape->kind == VALUE_LIST && cJSON_IsString(item))
		return replace(fitting, parent, item, list_of_one(shape, item, path, fitting->error));
	if (shape->kind == VALUE_INTEGER && cJSON_IsString(item))
		return replace(fitting, parent, item, convert_string(shape, item, path, fitting->error));
	if (shape->kind == VALUE_STRING && cJSON_IsArray(item))
		return api_fail(fitting->error, API_VALIDATION, "Parameter validation failed: "
		    "Invalid type for parameter %s: a list, where one string belongs; quote one that holds a comma", path);
	return 0;
}

/* An object or a list from one word, before it is fitted. */
static cJSON *
parse_word(const struct flag *flag, const char *text, bool *shorthand, struct api_error *error)
{
	const char *start = text + strspn(text, WHITE_SPACE);
	struct api_error cause = { .code = API_OK };
	cJSON *item;

	*shorthand = *start != '{' && *start != '[';
	if (*shorthand)
		item = shorthand_parse(text, &cause);
	else
		item = operation_parse(text, strlen(text), &cause);
	if (item == NULL && cause.code == API_UNAVAILABLE)
		*error = cause;
	else if (item == NULL)
		api_fail(error, API_VALIDATION, "Error parsing parameter '--%s': %s%s", flag->name,
		    *shorthand ? "" : "Invalid JSON: ", cause.message);
	return item;
}

static cJSON *
parse_structure(const struct flag *flag, const char *text, struct api_error *error)
{
	struct fitting fitting = { .error = error };
	cJSON *item = parse_word(flag, text, &fitting.shorthand, error);

	if (item == NULL || fit(&fitting, flag->shape, NULL, item, flag->member) == 0)
		return item;
	cJSON_Delete(item);
	return NULL;
}

static bool
is_json_list(const char *text)
{
	return text[strspn(text, WHITE_SPACE)] == '[';
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
add_word(const struct flag *flag, cJSON *list, const char *text, struct api_error *error)
{
	struct fitting fitting = { .error = error };
	bool plain = flag->shape->item->kind != VALUE_STRUCTURE && !is_json_list(text);
	cJSON *item = plain ? cJSON_CreateString(text) : parse_word(flag, text, &fitting.shorthand, error), *wrapped;
	int result;

	if (item == NULL)
		return plain ? api_fail_memory(error) : -1;
	if (cJSON_IsArray(item)) {
		wrapped = item;
	} else if ((wrapped = cJSON_CreateArray()) == NULL || !cJSON_AddItemToArray(wrapped, item)) {
		cJSON_Delete(wrapped);
		cJSON_Delete(item);
		return api_fail_memory(error);
	}
	result = fit(&fitting, flag->shape, NULL, wrapped, flag->member);
	if (result == 0)
		result = move_items(wrapped, list, error);
	cJSON_Delete(wrapped);
	return result;
}

static cJSON *
parse_list(const struct flag *flag, const char *const *words, size_t word_count, struct api_error *error)
{
	cJSON *list = cJSON_CreateArray();
	int result = list == NULL ? api_fail_memory(error) : 0;

	for (size_t i = 0; i < word_count && result == 0; i++) {
		char *text = value_load(flag->name, words[i], error);

		result = text == NULL ? -1 : add_word(flag, list, text, error);
		free(text);
	}
	if (result == 0)
		return list;
	cJSON_Delete(list);
	return NULL;
}

cJSON *
value_parse(const struct flag *flag, const char *const *words, size_t word_count, struct api_error *error)
{
	cJSON *item = NULL, *string = NULL;
	char *text;

	if (flag->shape->kind == VALUE_LIST)
		return parse_list(flag, words, word_count, error);
	if ((text = value_load(flag->name, words[0], error)) == NULL)
		return NULL;
	if (flag->shape->kind == VALUE_STRUCTURE)
		item = parse_structure(flag, text, error);
	else if ((string = cJSON_CreateString(text)) != NULL)
		item = convert_string(flag->shape, string, flag->member, error);
	else
		api_fail_memory(error);
	cJSON_Delete(string);
	free(text);
	return item;
}
