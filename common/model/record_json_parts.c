/* What the JSON of users and of servers is made of. */
#include "common/model/record_json.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/arn.h"

const cJSON *
record_json_member(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNull(member) ? NULL : member;
}

const char *
record_json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(record_json_member(object, name));
}

bool
record_json_add_string(cJSON *object, const char *name, const char *value)
{
	return value == NULL || cJSON_AddStringToObject(object, name, value) != NULL;
}

bool
record_json_add_number(cJSON *object, const char *name, double value)
{
	return cJSON_AddNumberToObject(object, name, value) != NULL;
}

bool
record_json_add_item(cJSON *parent, const char *name, cJSON *item)
{
	if (item != NULL && (name == NULL ? cJSON_AddItemToArray(parent, item) : cJSON_AddItemToObject(parent, name, item)))
		return true;
	cJSON_Delete(item);
	return false;
}

cJSON *
record_json_finish(cJSON *object, bool well, struct api_error *error)
{
	if (well)
		return object;
	cJSON_Delete(object);
	api_fail_memory(error);
	return NULL;
}

bool
record_json_add_arn(cJSON *object, const struct config *config, const char *server_id, const char *user_name)
{
	char arn[ARN_MAX + 1];

	arn_write(config, server_id, user_name, arn);
	return record_json_add_string(object, "Arn", arn);
}

int
record_json_read_tags(const cJSON *object, struct tag **tags, size_t *count, struct api_error *error)
{
	const cJSON *list = record_json_member(object, "Tags"), *item;
	size_t size = (size_t)cJSON_GetArraySize(list);
	struct tag *tag;

	if (size == 0)
		return 0;
	*tags = calloc(size, sizeof(**tags));
	if (*tags == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(item, list) {
		tag = &(*tags)[(*count)++];
		tag->key = strdup(record_json_string(item, "Key"));
		tag->value = strdup(record_json_string(item, "Value"));
		if (tag->key == NULL || tag->value == NULL)
			return api_fail_memory(error);
	}
	return 0;
}

cJSON *
record_json_tag(const struct tag *tag, struct api_error *error)
{
	cJSON *object = cJSON_CreateObject();
	bool well = object != NULL && record_json_add_string(object, "Key", tag->key) &&
	    record_json_add_string(object, "Value", tag->value);

	return record_json_finish(object, well, error);
}

cJSON *
record_json_tags(const struct tag *tags, size_t count)
{
	cJSON *list = cJSON_CreateArray();
	struct api_error error;
	size_t i;

	for (i = 0; list != NULL && i < count; i++) {
		if (!record_json_add_item(list, NULL, record_json_tag(&tags[i], &error))) {
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}
