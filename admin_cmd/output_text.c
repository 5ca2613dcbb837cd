/*
 * Text as the AWS command line prints it, for cut(1) and awk(1): an object's scalars on one line, sorted by name, between
 * tabs; then its lists and objects, each line beginning with the member's name in capitals.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/output.h"

static int text_item(FILE *stream, const char *identifier, const cJSON *item);

static void
text_identifier(FILE *stream, const char *identifier)
{
	for (; *identifier != '\0'; identifier++)
		fputc(toupper((unsigned char)*identifier), stream);
	fputc('\t', stream);
}

static int
text_scalar(FILE *stream, const cJSON *item)
{
	char *text;

	if (item == NULL)
		return 0;
	if ((text = output_scalar(item)) == NULL)
		return -1;
	fputs(text, stream);
	free(text);
	return 0;
}

static int
text_row(FILE *stream, const char *identifier, const cJSON *object, const struct output_members *columns)
{
	if (columns->count == 0)
		return 0;
	if (identifier != NULL)
		text_identifier(stream, identifier);
	for (size_t i = 0; i < columns->count; i++) {
		if (i > 0)
			fputc('\t', stream);
		if (text_scalar(stream, cJSON_GetObjectItemCaseSensitive(object, columns->names[i])) == -1)
			return -1;
	}
	fputc('\n', stream);
	return 0;
}

static int
text_object(FILE *stream, const char *identifier, const cJSON *object, const struct output_members *columns)
{
	struct output_members nested;
	int result;

	if ((result = text_row(stream, identifier, object, columns)) == -1 || output_members(object, false, &nested) == -1)
		return -1;
	for (size_t i = 0; i < nested.count && result == 0; i++)
		result = text_item(stream, nested.names[i], cJSON_GetObjectItemCaseSensitive(object, nested.names[i]));
	free(nested.names);
	return result;
}

/* The objects of a list share their columns, so that a member that one of them lacks leaves its place empty. */
static int
text_list(FILE *stream, const char *identifier, const cJSON *list, const struct output_members *columns)
{
	int result = 0;

	for (const cJSON *item = list->child; item != NULL && result == 0; item = item->next) {
		if (cJSON_IsObject(item)) {
			result = text_object(stream, identifier, item, columns);
			continue;
		}
		if (identifier != NULL)
			text_identifier(stream, identifier);
		result = text_scalar(stream, item);
		fputc('\n', stream);
	}
	return result;
}

static int
text_item(FILE *stream, const char *identifier, const cJSON *item)
{
	struct output_members columns;
	int result;

	if (output_members(item, true, &columns) == -1)
		return -1;
	if (cJSON_IsArray(item))
		result = text_list(stream, identifier, item, &columns);
	else
		result = text_object(stream, identifier, item, &columns);
	free(columns.names);
	return result;
}

int
output_text(FILE *stream, const cJSON *item)
{
	return text_item(stream, NULL, item);
}
