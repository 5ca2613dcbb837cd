/* JSON as the AWS command line prints it: indented by four spaces, UTF-8 kept. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/output.h"

static void
json_control(FILE *stream, unsigned char character)
{
	static const char named[] = "\b\t\n\f\r", letters[] = "btnfr";
	const char *found = memchr(named, character, sizeof(named) - 1);

	if (found != NULL)
		fprintf(stream, "\\%c", letters[found - named]);
	else
		fprintf(stream, "\\u%04x", character);
}

static void
json_string(FILE *stream, const char *text)
{
	fputc('"', stream);
	while (*text != '\0') {
		size_t length = output_control_length(text);

		if (length > 0)
			json_control(stream, (unsigned char)text[length - 1]);
		else if (*text == '"' || *text == '\\')
			fprintf(stream, "\\%c", *text);
		else
			fputc(*text, stream);
		text += length > 0 ? length : 1;
	}
	fputc('"', stream);
}

static int
json_scalar(FILE *stream, const cJSON *item)
{
	char *text;

	if (cJSON_IsString(item)) {
		json_string(stream, item->valuestring);
		return 0;
	}
	if (cJSON_IsNull(item)) {
		fputs("null", stream);
		return 0;
	}
	if ((text = output_scalar(item)) == NULL)
		return -1;
	if (item->string != NULL && strcmp(item->string, "DateImported") == 0)
		json_string(stream, text);
	else
		fputs(text, stream);
	free(text);
	return 0;
}

static int json_item(FILE *stream, const cJSON *item, int depth);

/* On a line of its own, with its name when it is a member. */
static int
json_child(FILE *stream, const cJSON *child, bool named, int depth)
{
	fprintf(stream, "\n%*s", 4 * depth, "");
	if (named) {
		json_string(stream, child->string);
		fputs(": ", stream);
	}
	return json_item(stream, child, depth);
}

static int
json_item(FILE *stream, const cJSON *item, int depth)
{
	bool object = cJSON_IsObject(item);

	if (output_is_scalar(item))
		return json_scalar(stream, item);
	if (item->child == NULL) {
		fputs(object ? "{}" : "[]", stream);
		return 0;
	}
	fputc(object ? '{' : '[', stream);
	for (const cJSON *child = item->child; child != NULL; child = child->next) {
		if (json_child(stream, child, object, depth + 1) == -1)
			return -1;
		if (child->next != NULL)
			fputc(',', stream);
	}
	fprintf(stream, "\n%*s%c", 4 * depth, "", object ? '}' : ']');
	return 0;
}

int
output_json(FILE *stream, const cJSON *item)
{
	int result = json_item(stream, item, 0);

	fputc('\n', stream);
	return result;
}

int
output_json_member(FILE *stream, const cJSON *member)
{
	return json_child(stream, member, true, 1);
}

int
output_json_listed(FILE *stream, const cJSON *item)
{
	return json_child(stream, item, false, 2);
}
