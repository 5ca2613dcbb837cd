#include "admin_cmd/admin/shorthand.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORTHAND_DEPTH_MAX 8 /* more than any structure of the API nests */

struct parser {
	const char *text, *at;
	int depth; /* of brackets */
	struct api_error *error;
};

static cJSON *parse_structure(struct parser *parser);
static cJSON *parse_value(struct parser *parser);

/* Says where; returns NULL for the callers to pass on. */
static cJSON *
fail(struct parser *parser, const char *what)
{
	api_fail(parser->error, API_VALIDATION, "%s at byte %zu of: %.200s%s", what, (size_t)(parser->at - parser->text) + 1,
	    parser->text, strlen(parser->text) > 200 ? "..." : "");
	return NULL;
}

static cJSON *
fail_memory(struct parser *parser)
{
	api_fail_memory(parser->error);
	return NULL;
}

static cJSON *
fail_expected(struct parser *parser, const char *expected)
{
	char what[64];

	if (*parser->at == '\0')
		snprintf(what, sizeof(what), "Expected: %s, received: the end", expected);
	else
		snprintf(what, sizeof(what), "Expected: %s, received: '%c'", expected, *parser->at);
	return fail(parser, what);
}

static void
skip_space(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t\r\n");
}

/* Consumes the character, after white space; false when another stands there. */
static bool
take(struct parser *parser, char character)
{
	skip_space(parser);
	if (*parser->at != character)
		return false;
	parser->at++;
	return true;
}

/* Whether a value ends here: at a comma, the end, or the bracket that closes the one around it. */
static bool
at_value_end(const struct parser *parser)
{
	return *parser->at == '\0' || strchr(parser->depth > 0 ? ",]}" : ",", *parser->at) != NULL;
}

static cJSON *
parse_quoted(struct parser *parser)
{
	const char quote = *parser->at++, *start = parser->at;
	char *string, *to;
	cJSON *item;

	while (*parser->at != quote) {
		if (*parser->at == '\0')
			return fail_expected(parser, quote == '"' ? "'\"'" : "\"'\"");
		parser->at += parser->at[0] == '\\' && parser->at[1] != '\0' ? 2 : 1;
	}
	if ((string = to = malloc((size_t)(parser->at - start) + 1)) == NULL)
		return fail_memory(parser);
	for (const char *from = start; from < parser->at; from++) {
		if (from[0] == '\\' && (from[1] == quote || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	*to = '\0';
	parser->at++;
	item = cJSON_CreateString(string);
	free(string);
	return item != NULL ? item : fail_memory(parser);
}

static cJSON *
parse_plain(struct parser *parser)
{
	const char *start = parser->at, *closing;
	char *string, *to;
	cJSON *item;

	while (!at_value_end(parser)) {
		if (parser->at[0] == '$' && parser->at[1] == '{' && (closing = strchr(parser->at, '}')) != NULL)
			parser->at = closing;
		else if (parser->at[0] == '\\' && parser->at[1] == ',')
			parser->at++;
		parser->at++;
	}
	if ((string = to = malloc((size_t)(parser->at - start) + 1)) == NULL)
		return fail_memory(parser);
	for (const char *from = start; from < parser->at; from++) {
		if (from[0] == '\\' && from[1] == ',')
			from++;
		*to++ = *from;
	}
	while (to > string && strchr(" \t\r\n", to[-1]) != NULL)
		to--;
	*to = '\0';
	item = cJSON_CreateString(string);
	free(string);
	return item != NULL ? item : fail_memory(parser);
}

static cJSON *
parse_string(struct parser *parser)
{
	skip_space(parser);
	if (*parser->at == '"' || *parser->at == '\'')
		return parse_quoted(parser);
	return parse_plain(parser);
}

/* A string within a list: an empty one must be quoted, or a comma too many would be one. */
static cJSON *
parse_listed_string(struct parser *parser)
{
	skip_space(parser);
	if (at_value_end(parser))
		return fail_expected(parser, "a value");
	return parse_string(parser);
}

/* Whether "name=" comes next, so that the list before the comma has ended. */
static bool
member_follows(const struct parser *parser)
{
	const char *at = parser->at + strspn(parser->at, " \t\r\n");

	if (*at == '"' || *at == '\'')
		return false;
	at += strcspn(at, ",=[]{}");
	return *at == '=';
}

/* Appends `item` to the list, or frees it. */
static bool
append(struct parser *parser, cJSON *list, cJSON *item)
{
	if (item == NULL)
		return false;
	if (cJSON_AddItemToArray(list, item))
		return true;
	cJSON_Delete(item);
	fail_memory(parser);
	return false;
}

static cJSON *
parse_strings(struct parser *parser)
{
	cJSON *list, *first = parse_string(parser);
	const char *comma;

	skip_space(parser);
	if (first == NULL || *parser->at != ',')
		return first;
	comma = parser->at++;
	if (member_follows(parser)) {
		parser->at = comma;
		return first;
	}
	list = cJSON_CreateArray();
	if (!append(parser, list, first)) { /* also when there is no list: cJSON then refuses */
		cJSON_Delete(list);
		return NULL;
	}
	do {
		if (!append(parser, list, parse_listed_string(parser))) {
			cJSON_Delete(list);
			return NULL;
		}
		skip_space(parser);
		comma = parser->at;
	} while (*parser->at++ == ',' && !member_follows(parser));
	parser->at = comma;
	return list;
}

static bool
at_bracket(struct parser *parser)
{
	skip_space(parser);
	return *parser->at == '[' || *parser->at == '{';
}

static cJSON *
parse_list(struct parser *parser)
{
	cJSON *list = cJSON_CreateArray();

	if (list == NULL)
		return fail_memory(parser);
	if (take(parser, ']'))
		return list;
	do {
		if (!append(parser, list, at_bracket(parser) ? parse_value(parser) : parse_listed_string(parser)))
			goto out;
	} while (take(parser, ','));
	if (take(parser, ']'))
		return list;
	fail_expected(parser, "']'");
out:
	cJSON_Delete(list);
	return NULL;
}

static cJSON *
parse_braces(struct parser *parser)
{
	cJSON *object = parse_structure(parser);

	if (object != NULL && !take(parser, '}')) {
		cJSON_Delete(object);
		return fail_expected(parser, "'}'");
	}
	return object;
}

static cJSON *
parse_value(struct parser *parser)
{
	cJSON *item;

	if (!at_bracket(parser))
		return parse_strings(parser);
	if (parser->depth == SHORTHAND_DEPTH_MAX)
		return fail(parser, "Too many brackets inside each other");
	parser->depth++;
	item = *parser->at++ == '[' ? parse_list(parser) : parse_braces(parser);
	parser->depth--;
	return item;
}

/* The caller frees it; NULL with the error set. */
static char *
parse_name(struct parser *parser)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.#/-";
	size_t length;
	char *name;

	skip_space(parser);
	if ((length = strspn(parser->at, allowed)) == 0) {
		fail_expected(parser, "a member's name");
		return NULL;
	}
	if ((name = strndup(parser->at, length)) == NULL) {
		fail_memory(parser);
		return NULL;
	}
	parser->at += length;
	if (!take(parser, '=')) {
		fail_expected(parser, "'='");
		free(name);
		return NULL;
	}
	return name;
}

static bool
parse_member(struct parser *parser, cJSON *object)
{
	char what[128], *name = parse_name(parser);
	cJSON *value = NULL;
	bool added = false;

	if (name == NULL)
		return false;
	if (cJSON_GetObjectItemCaseSensitive(object, name) != NULL) {
		snprintf(what, sizeof(what), "Second instance of key \"%.64s\"; is there a \",\" instead of a space?", name);
		fail(parser, what);
		goto out;
	}
	if ((value = parse_value(parser)) == NULL)
		goto out;
	if (!(added = cJSON_AddItemToObject(object, name, value))) {
		cJSON_Delete(value);
		fail_memory(parser);
	}
out:
	free(name);
	return added;
}

static cJSON *
parse_structure(struct parser *parser)
{
	cJSON *object = cJSON_CreateObject();

	if (object == NULL)
		return fail_memory(parser);
	do {
		if (!parse_member(parser, object)) {
			cJSON_Delete(object);
			return NULL;
		}
	} while (take(parser, ','));
	return object;
}

cJSON *
shorthand_parse(const char *text, struct api_error *error)
{
	struct parser parser = { .text = text, .at = text, .error = error };
	cJSON *object = parse_structure(&parser);

	if (object != NULL && *parser.at != '\0') {
		cJSON_Delete(object);
		return fail_expected(&parser, "','");
	}
	return object;
}
