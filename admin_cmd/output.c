#include "admin_cmd/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
output_format_parse(const char *name, enum output_format *format)
{
	static const struct {
		const char *name;
		enum output_format format;
	} formats[] = { { "json", OUTPUT_JSON }, { "text", OUTPUT_TEXT }, { "table", OUTPUT_TABLE } };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i].name) == 0) {
			*format = formats[i].format;
			return 0;
		}
	}
	return -1;
}

bool
output_is_scalar(const cJSON *item)
{
	return !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

static int
members_add(struct output_members *members, const char *name)
{
	const char **names;

	for (size_t i = 0; i < members->count; i++) {
		if (strcmp(members->names[i], name) == 0)
			return 0;
	}
	if ((names = reallocarray(members->names, members->count + 1, sizeof(*names))) == NULL)
		return -1;
	members->names = names;
	names[members->count++] = name;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
output_members(const cJSON *item, bool scalars, struct output_members *members)
{
	const cJSON *object = cJSON_IsArray(item) ? item->child : item;

	members->names = NULL;
	members->count = 0;
	for (; object != NULL; object = cJSON_IsArray(item) ? object->next : NULL) {
		const cJSON *member = cJSON_IsObject(object) ? object->child : NULL;

		for (; member != NULL; member = member->next) {
			if (output_is_scalar(member) == scalars && members_add(members, member->string) == -1) {
				free(members->names);
				return -1;
			}
		}
	}
	if (members->count > 1)
		qsort(members->names, members->count, sizeof(*members->names), by_name);
	return 0;
}

void
output_time(double seconds, char *text, size_t size)
{
	char date[32], zone[8], fraction[16] = "";
	long microseconds;
	struct tm local;
	time_t when;

	if (!(seconds >= 0 && seconds < 1e11)) {
		snprintf(text, size, "%.15g", seconds);
		return;
	}
	when = (time_t)seconds;
	microseconds = (long)((seconds - (double)when) * 1e6 + 0.5);
	if (localtime_r(&when, &local) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &local) == 0) {
		snprintf(text, size, "%.15g", seconds);
		return;
	}
	if (microseconds > 0 && microseconds < 1000000)
		snprintf(fraction, sizeof(fraction), ".%06ld", microseconds);
	snprintf(text, size, "%s%s%.3s:%s", date, fraction, zone, zone + 3);
}

size_t
output_control_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	if (*at < 0x20 || *at == 0x7f)
		return 1;
	if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
		return 2;
	return 0;
}

char *
output_safe(const char *text)
{
	char *safe = malloc(4 * strlen(text) + 1), *to = safe;

	if (safe == NULL)
		return NULL;
	while (*text != '\0') {
		size_t length = output_control_length(text);

		if (length == 0) {
			*to++ = *text++;
			continue;
		}
		to += sprintf(to, "\\x%02x", (unsigned char)text[length - 1]);
		text += length;
	}
	*to = '\0';
	return safe;
}

char *
output_scalar(const cJSON *item)
{
	char text[64];

	if (cJSON_IsString(item))
		return output_safe(item->valuestring);
	if (cJSON_IsBool(item))
		return strdup(cJSON_IsTrue(item) ? "true" : "false");
	if (!cJSON_IsNumber(item))
		return strdup("");
	if (item->string != NULL && strcmp(item->string, "DateImported") == 0)
		output_time(item->valuedouble, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%.15g", item->valuedouble);
	return strdup(text);
}

int
output_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "berth: the output can't be written: %s\n", strerror(errno));
	return -1;
}

int
output_response(enum output_format format, const char *title, const cJSON *response)
{
	int result;

	if (format == OUTPUT_TEXT)
		result = output_text(stdout, response);
	else if (format == OUTPUT_TABLE)
		result = output_table(stdout, title, response);
	else
		result = output_json(stdout, response);
	if (result == -1) {
		fprintf(stderr, "berth: the output can't be written: %s\n", strerror(ENOMEM));
		return -1;
	}
	return output_flush();
}
