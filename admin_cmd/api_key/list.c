/*
 * berth api-key list: the keys, without their secrets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/api_key/api_key.h"
#include "admin_cmd/columns.h"
#include "common/model/record_json.h"

/* The words between commas; "all" for none. */
static char *
join(char *const *words, size_t count)
{
	size_t size = sizeof("all");
	char *text, *to;

	for (size_t i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	if ((text = to = malloc(size)) == NULL)
		return NULL;
	strcpy(text, "all");
	for (size_t i = 0; i < count; i++)
		to = stpcpy(i == 0 ? to : stpcpy(to, ","), words[i]);
	return text;
}

static void
fill_row(const void *context, size_t row, char **cells)
{
	const struct access_key *key = &((const struct access_keys *)context)->keys[row];
	char date[64], rate[16] = "-";

	output_time(key->created, date, sizeof(date));
	if (key->has_rate)
		snprintf(rate, sizeof(rate), "%u", key->rate);
	*cells++ = strdup(key->id);
	*cells++ = strdup(key->enabled ? "Active" : "Inactive");
	*cells++ = strdup(date);
	*cells++ = strdup(rate);
	*cells++ = join(key->allow, key->allow_count);
	*cells++ = join(key->servers, key->server_count);
	*cells = strdup(key->description == NULL ? "-" : key->description);
}

static const char *const NAMES[] = { "ID", "STATUS", "CREATED", "RATE", "OPERATIONS", "SERVERS", "DESCRIPTION" };
static const struct columns COLUMNS = { NAMES, sizeof(NAMES) / sizeof(NAMES[0]), fill_row };

static int
print_json(const struct access_keys *keys)
{
	cJSON *response = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(response, "AccessKeyMetadata"), *object;
	bool well = list != NULL;

	for (size_t i = 0; i < keys->count && well; i++) {
		object = cJSON_CreateObject();
		well = record_json_add_item(list, NULL, object) &&
		    record_json_add_string(object, "AccessKeyId", keys->keys[i].id) &&
		    api_key_add_common(object, &keys->keys[i]);
	}
	if (well)
		well = output_json(stdout, response) == 0;
	cJSON_Delete(response);
	return well ? 0 : -1;
}

static int
list(const struct config *config, enum output_format format, char **words, void *context)
{
	struct api_error error = { .code = API_OK };
	struct access_keys keys;
	int result;

	(void)words;
	(void)context;
	if (access_keys_read(config->api_keys_file, &keys, &error) == -1)
		return api_key_failed(&error);
	if (format == OUTPUT_JSON)
		result = print_json(&keys);
	else
		result = columns_print(&COLUMNS, &keys, keys.count, format != OUTPUT_TEXT);
	access_keys_free(&keys);
	if (result == -1)
		fputs(API_KEY_COMMAND ": no memory\n", stderr);
	return result == 0 && output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
}

int
api_key_list(int argc, char **argv, struct command_globals *globals)
{
	static const struct flags flags = {
		API_KEY_COMMAND " list", api_key_usage, "unknown option ", api_key_options, NULL,
	};

	return api_key_run(&flags, false, argc, argv, globals, list, NULL);
}
