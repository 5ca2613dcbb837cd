#include "common/store/access_keys_json.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/shapes.h"
#include "common/model/text.h"

#define VERSION         1
#define DESCRIPTION_MAX 256
#define SECONDS_MAX     253402300799 /* the end of the year 9999 */

#define BASE32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static const char FILE_START[] = "{\"Version\":1,\"AccessKeys\":[", FILE_END[] = "\n]}\n";

static bool
matches_id(const char *text)
{
	return strncmp(text, "BRTH", 4) == 0 && text[4 + strspn(text + 4, BASE32)] == '\0';
}

static bool
matches_secret(const char *text)
{
	return text[strspn(text, BASE64)] == '\0';
}

static bool
matches_description(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end)
		if (text_is_unsafe(text_next(&text, end)))
			return false;
	return true;
}

#define STRING(least, most, text, function) \
	{ .kind = SHAPE_STRING, .min = (least), .max = (most), .pattern = (text), .matches = (function) }

static const struct shape ID = STRING(ACCESS_KEY_ID_LENGTH, ACCESS_KEY_ID_LENGTH, "BRTH[A-Z2-7]{16}", matches_id);
static const struct shape SECRET = STRING(ACCESS_KEY_SECRET_LENGTH, ACCESS_KEY_SECRET_LENGTH, "[A-Za-z0-9+/]{40}",
    matches_secret);
static const struct shape STATUS = { .kind = SHAPE_STRING, .values = (const char *const[]){ "Active", "Inactive", NULL } };
static const struct shape DATE = { .kind = SHAPE_INTEGER, .min = 0, .max = SECONDS_MAX };
static const struct shape DESCRIPTION = STRING(1, DESCRIPTION_MAX, "characters that can be seen", matches_description);
static const struct shape PATTERN = STRING(1, ACCESS_PATTERN_MAX, "[A-Za-z*]+, and it fits an operation",
    access_pattern_valid);
static const struct shape PATTERNS = { .kind = SHAPE_LIST, .min = 1, .max = ACCESS_KEY_LIST_MAX, .item = &PATTERN };
static const struct shape SERVER = STRING(19, 19, "s-([0-9a-f]{17})", pattern_server_id);
static const struct shape SERVERS = { .kind = SHAPE_LIST, .min = 1, .max = ACCESS_KEY_LIST_MAX, .item = &SERVER };
static const struct shape RATE = { .kind = SHAPE_INTEGER, .min = 0, .max = ACCESS_KEY_RATE_MAX };

static const struct shape KEY = {
	.kind = SHAPE_STRUCTURE,
	.closed = true,
	.members = (const struct shape_member[]){
	    { "AccessKeyId", &ID, true },
	    { "SecretAccessKey", &SECRET, true },
	    { "Status", &STATUS, true },
	    { "CreateDate", &DATE, true },
	    { "Description", &DESCRIPTION, false },
	    { "Allow", &PATTERNS, false },
	    { "Servers", &SERVERS, false },
	    { "Rate", &RATE, false },
	    { NULL, NULL, false },
	},
};
static const struct shape KEYS = { .kind = SHAPE_LIST, .max = ACCESS_KEYS_MAX, .item = &KEY };
static const struct shape FILE_VERSION = { .kind = SHAPE_INTEGER, .min = VERSION, .max = VERSION };

static const struct shape WHOLE_FILE = {
	.kind = SHAPE_STRUCTURE,
	.closed = true,
	.members = (const struct shape_member[]){
	    { "Version", &FILE_VERSION, true },
	    { "AccessKeys", &KEYS, true },
	    { NULL, NULL, false },
	},
};

static void
wipe(cJSON *json)
{
	cJSON *child;

	if (cJSON_IsString(json))
		explicit_bzero(json->valuestring, strlen(json->valuestring));
	cJSON_ArrayForEach(child, json)
		wipe(child);
}

void
access_keys_json_free(cJSON *json)
{
	if (json != NULL)
		wipe(json);
	cJSON_Delete(json);
}

static int
read_strings(const cJSON *list, char ***strings, size_t *count)
{
	const cJSON *item;

	if (list == NULL)
		return 0;
	*strings = calloc((size_t)cJSON_GetArraySize(list), sizeof(**strings));
	cJSON_ArrayForEach(item, list) {
		if (*strings == NULL || ((*strings)[*count] = strdup(item->valuestring)) == NULL)
			return -1;
		(*count)++;
	}
	return 0;
}

static int
read_key(const cJSON *object, struct access_key *key, struct api_error *error)
{
	const char *description = record_json_string(object, "Description");
	const cJSON *rate = record_json_member(object, "Rate");

	snprintf(key->id, sizeof(key->id), "%s", record_json_string(object, "AccessKeyId"));
	snprintf(key->secret, sizeof(key->secret), "%s", record_json_string(object, "SecretAccessKey"));
	key->enabled = strcmp(record_json_string(object, "Status"), "Active") == 0;
	key->created = cJSON_GetNumberValue(record_json_member(object, "CreateDate"));
	key->has_rate = rate != NULL;
	key->rate = rate != NULL ? (unsigned)cJSON_GetNumberValue(rate) : 0;
	if ((description != NULL && (key->description = strdup(description)) == NULL) ||
	    read_strings(record_json_member(object, "Allow"), &key->allow, &key->allow_count) == -1 ||
	    read_strings(record_json_member(object, "Servers"), &key->servers, &key->server_count) == -1)
		return api_fail_memory(error);
	return 0;
}

/* To a shape null is as good as absent, and an absent Allow allows all: what was meant by null isn't guessed at. */
static int
check_no_null(const cJSON *list, struct api_error *error)
{
	const cJSON *object, *member;
	size_t number = 0;

	cJSON_ArrayForEach(object, list) {
		number++;
		cJSON_ArrayForEach(member, object)
			if (cJSON_IsNull(member))
				return api_fail(error, API_VALIDATION,
				    "Value null at 'accessKeys.%zu.member': %.100s must not be null; it may be left out",
				    number, member->string);
	}
	return 0;
}

static int
check_version(const cJSON *file, struct api_error *error)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(file, "Version");

	if (!cJSON_IsNumber(version) || version->valuedouble == VERSION)
		return 0;
	return api_fail(error, API_VALIDATION, "Version is %.15g: this release of Berth knows %d", version->valuedouble,
	    VERSION);
}

static int
compare_ids(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int
check_ids(const struct access_keys *keys, struct api_error *error)
{
	const char **ids = calloc(keys->count + 1, sizeof(*ids));
	int result = 0;

	if (ids == NULL)
		return api_fail_memory(error);
	for (size_t i = 0; i < keys->count; i++)
		ids[i] = keys->keys[i].id;
	qsort(ids, keys->count, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < keys->count && result == 0; i++)
		if (strcmp(ids[i - 1], ids[i]) == 0)
			result = api_fail(error, API_VALIDATION, "AccessKeyId %s stands there twice", ids[i]);
	free(ids);
	return result;
}

static int
read_file(const cJSON *file, struct access_keys *keys, struct api_error *error)
{
	const cJSON *list, *object;

	if (check_version(file, error) == -1 || shapes_check(&WHOLE_FILE, file, error) == -1)
		return -1;
	list = record_json_member(file, "AccessKeys");
	if (check_no_null(list, error) == -1)
		return -1;
	keys->keys = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*keys->keys));
	if (keys->keys == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(object, list)
		if (read_key(object, &keys->keys[keys->count++], error) == -1)
			return -1;
	return check_ids(keys, error);
}

int
access_keys_json_read(const char *path, const struct access_keys_text *text, struct access_keys *keys,
    struct api_error *error)
{
	struct api_error inner = { .code = API_OK };
	cJSON *file = operation_parse(text->bytes, text->length, &inner);
	int result = file == NULL ? -1 : read_file(file, keys, &inner);

	access_keys_json_free(file);
	if (result == -1)
		api_fail(error, inner.code == API_UNAVAILABLE ? API_UNAVAILABLE : API_INTERNAL, "%s: %s", path,
		    inner.message);
	return result;
}

static bool
add_strings(cJSON *object, const char *name, char *const *strings, size_t count)
{
	cJSON *list;

	if (count == 0)
		return true;
	list = cJSON_AddArrayToObject(object, name);
	for (size_t i = 0; list != NULL && i < count; i++)
		if (!record_json_add_item(list, NULL, cJSON_CreateString(strings[i])))
			return false;
	return list != NULL;
}

bool
access_keys_json_restrictions(cJSON *object, const struct access_key *key)
{
	return record_json_add_string(object, "Description", key->description) &&
	    add_strings(object, "Allow", key->allow, key->allow_count) &&
	    add_strings(object, "Servers", key->servers, key->server_count) &&
	    (!key->has_rate || record_json_add_number(object, "Rate", key->rate));
}

static cJSON *
write_key(const struct access_key *key)
{
	cJSON *object = cJSON_CreateObject();

	if (object != NULL && record_json_add_string(object, "AccessKeyId", key->id) &&
	    record_json_add_string(object, "SecretAccessKey", key->secret) &&
	    record_json_add_string(object, "Status", key->enabled ? "Active" : "Inactive") &&
	    record_json_add_number(object, "CreateDate", (double)(int64_t)key->created) &&
	    access_keys_json_restrictions(object, key))
		return object;
	access_keys_json_free(object);
	return NULL;
}

int
access_keys_json_check(const struct access_key *key, struct api_error *error)
{
	cJSON *object = write_key(key);
	int result;

	if (object == NULL)
		return api_fail_memory(error);
	result = shapes_check(&KEY, object, error);
	access_keys_json_free(object);
	return result;
}

/* At least what the key takes as text: what may be escaped takes six bytes then. */
static size_t
bound(const struct access_key *key)
{
	size_t size = 512;

	if (key->description != NULL)
		size += 6 * strlen(key->description);
	for (size_t i = 0; i < key->allow_count; i++)
		size += 6 * strlen(key->allow[i]) + 4;
	for (size_t i = 0; i < key->server_count; i++)
		size += 6 * strlen(key->servers[i]) + 4;
	return size;
}

/* Into a place of ours: where cJSON lets a buffer of its own grow, it leaves secrets behind. */
static int
print_key(const struct access_key *key, struct access_keys_text *text)
{
	char *to = text->bytes + text->length;
	cJSON *object = write_key(key);
	bool well = object != NULL && cJSON_PrintPreallocated(object, to, (int)(text->size - text->length), false);

	access_keys_json_free(object);
	if (!well)
		return -1;
	text->length += strlen(to);
	return 0;
}

static void
print_text(struct access_keys_text *text, const char *words)
{
	memcpy(text->bytes + text->length, words, strlen(words));
	text->length += strlen(words);
}

int
access_keys_json_write(const struct access_keys *keys, struct access_keys_text *text, struct api_error *error)
{
	text->length = 0;
	text->size = sizeof(FILE_START) + sizeof(FILE_END);
	for (size_t i = 0; i < keys->count; i++)
		text->size += bound(&keys->keys[i]);
	text->bytes = text->size > INT_MAX ? NULL : malloc(text->size);
	if (text->bytes == NULL)
		return api_fail_memory(error);
	print_text(text, FILE_START);
	for (size_t i = 0; i < keys->count; i++) {
		print_text(text, i == 0 ? "\n" : ",\n");
		if (print_key(&keys->keys[i], text) == -1) {
			access_keys_text_free(text);
			return api_fail_memory(error);
		}
	}
	print_text(text, FILE_END);
	return 0;
}
