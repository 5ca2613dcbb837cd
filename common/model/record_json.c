#include "common/model/record_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"

/* A string member into *to; an empty one is as good as none. */
static int
read_string(const cJSON *object, const char *name, char **to, struct api_error *error)
{
	const char *text = record_json_string(object, name);

	if (text == NULL || text[0] == '\0')
		return 0;
	*to = strdup(text);
	return *to == NULL ? api_fail_memory(error) : 0;
}

static enum home_type
read_home_type(const cJSON *request)
{
	const char *text = record_json_string(request, "HomeDirectoryType");

	if (text == NULL)
		return HOME_NOT_GIVEN;
	return strcmp(text, "LOGICAL") == 0 ? HOME_LOGICAL : HOME_PATH;
}

static int
read_mapping(const cJSON *item, struct mapping *mapping, struct api_error *error)
{
	const char *type = record_json_string(item, "Type");

	if (read_string(item, "Entry", &mapping->entry, error) == -1 ||
	    read_string(item, "Target", &mapping->target, error) == -1)
		return -1;
	if (type != NULL)
		mapping->type = strcmp(type, "FILE") == 0 ? MAPPING_FILE : MAPPING_DIRECTORY;
	return 0;
}

static int
read_mappings(const cJSON *list, struct mapping **mappings, size_t *count, struct api_error *error)
{
	size_t size = (size_t)cJSON_GetArraySize(list);
	const cJSON *item;

	if (size == 0)
		return 0;
	*mappings = calloc(size, sizeof(**mappings));
	if (*mappings == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(item, list)
		if (read_mapping(item, &(*mappings)[(*count)++], error) == -1)
			return -1;
	return 0;
}

static void
read_profile(const cJSON *object, struct posix_profile *profile)
{
	const cJSON *gids = record_json_member(object, "SecondaryGids"), *gid;

	profile->uid = (uint32_t)cJSON_GetNumberValue(record_json_member(object, "Uid"));
	profile->gid = (uint32_t)cJSON_GetNumberValue(record_json_member(object, "Gid"));
	profile->has_secondary_gids = gids != NULL;
	cJSON_ArrayForEach(gid, gids)
		if (profile->secondary_gid_count < SECONDARY_GIDS_MAX)
			profile->secondary_gids[profile->secondary_gid_count++] = (uint32_t)cJSON_GetNumberValue(gid);
}

/* What CreateUser and UpdateUser have in common. */
static int
read_members(const cJSON *request, struct user_record *user, struct api_error *error)
{
	const cJSON *profile = record_json_member(request, "PosixProfile");

	snprintf(user->server_id, sizeof(user->server_id), "%s", record_json_string(request, "ServerId"));
	snprintf(user->user_name, sizeof(user->user_name), "%s", record_json_string(request, "UserName"));
	if (read_string(request, "Role", &user->role, error) == -1 ||
	    read_string(request, "HomeDirectory", &user->home_directory, error) == -1 ||
	    read_string(request, "Policy", &user->policy, error) == -1)
		return -1;
	user->home_type = read_home_type(request);
	user->has_profile = profile != NULL;
	if (profile != NULL)
		read_profile(profile, &user->profile);
	return read_mappings(record_json_member(request, "HomeDirectoryMappings"), &user->mappings, &user->mapping_count,
	    error);
}

int
record_json_read_user(const cJSON *request, struct user_record *user, struct api_error *error)
{
	memset(user, 0, sizeof(*user));
	if (read_members(request, user, error) == -1)
		return -1;
	return record_json_read_tags(request, &user->tags, &user->tag_count, error);
}

int
record_json_read_change(const cJSON *request, struct user_change *change, struct api_error *error)
{
	memset(change, 0, sizeof(*change));
	if (read_members(request, &change->values, error) == -1)
		return -1;
	memcpy(change->server_id, change->values.server_id, sizeof(change->server_id));
	memcpy(change->user_name, change->values.user_name, sizeof(change->user_name));
	change->given_role = record_json_member(request, "Role") != NULL;
	change->given_home_directory = record_json_member(request, "HomeDirectory") != NULL;
	change->given_home_type = record_json_member(request, "HomeDirectoryType") != NULL;
	change->given_mappings = record_json_member(request, "HomeDirectoryMappings") != NULL;
	change->given_policy = record_json_member(request, "Policy") != NULL;
	change->given_profile = record_json_member(request, "PosixProfile") != NULL;
	return 0;
}

static cJSON *
write_mapping(const struct mapping *mapping)
{
	static const char *const TYPES[] = {
		[MAPPING_NOT_GIVEN] = NULL, [MAPPING_DIRECTORY] = "DIRECTORY", [MAPPING_FILE] = "FILE",
	};
	cJSON *object = cJSON_CreateObject();

	if (object != NULL && record_json_add_string(object, "Entry", mapping->entry) &&
	    record_json_add_string(object, "Target", mapping->target) &&
	    record_json_add_string(object, "Type", TYPES[mapping->type]))
		return object;
	cJSON_Delete(object);
	return NULL;
}

static cJSON *
write_mappings(const struct mapping *mappings, size_t count)
{
	cJSON *list = cJSON_CreateArray();
	size_t i;

	for (i = 0; list != NULL && i < count; i++) {
		if (!record_json_add_item(list, NULL, write_mapping(&mappings[i]))) {
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}

static cJSON *
write_profile(const struct posix_profile *profile)
{
	cJSON *object = cJSON_CreateObject(), *gids;
	size_t i;

	if (object == NULL || !record_json_add_number(object, "Uid", profile->uid) ||
	    !record_json_add_number(object, "Gid", profile->gid))
		goto fail;
	if (!profile->has_secondary_gids)
		return object;
	gids = cJSON_AddArrayToObject(object, "SecondaryGids");
	for (i = 0; gids != NULL && i < profile->secondary_gid_count; i++)
		if (!record_json_add_item(gids, NULL, cJSON_CreateNumber(profile->secondary_gids[i])))
			goto fail;
	if (gids != NULL)
		return object;
fail:
	cJSON_Delete(object);
	return NULL;
}

static cJSON *
write_keys(const struct ssh_key *keys, size_t count)
{
	cJSON *list = cJSON_CreateArray(), *object;
	size_t i;

	for (i = 0; list != NULL && i < count; i++) {
		object = cJSON_CreateObject();
		if (!record_json_add_item(list, NULL, object) ||
		    !record_json_add_number(object, "DateImported", keys[i].imported) ||
		    !record_json_add_string(object, "SshPublicKeyBody", keys[i].body) ||
		    !record_json_add_string(object, "SshPublicKeyId", keys[i].id)) {
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}

cJSON *
record_json_described_user(const struct user_record *user, const struct config *config, struct api_error *error)
{
	cJSON *object = cJSON_CreateObject();
	bool well;

	well = object != NULL && record_json_add_arn(object, config, user->server_id, user->user_name) &&
	    record_json_add_string(object, "HomeDirectory", user->home_directory) &&
	    (user->mapping_count == 0 ||
	    record_json_add_item(object, "HomeDirectoryMappings", write_mappings(user->mappings, user->mapping_count))) &&
	    record_json_add_string(object, "HomeDirectoryType", record_home_type_name(user->home_type)) &&
	    record_json_add_string(object, "Policy", user->policy) &&
	    (!user->has_profile || record_json_add_item(object, "PosixProfile", write_profile(&user->profile))) &&
	    record_json_add_string(object, "Role", user->role) &&
	    record_json_add_item(object, "SshPublicKeys", write_keys(user->keys, user->key_count)) &&
	    (user->tag_count == 0 || record_json_add_item(object, "Tags", record_json_tags(user->tags, user->tag_count))) &&
	    record_json_add_string(object, "UserName", user->user_name);
	return record_json_finish(object, well, error);
}

cJSON *
record_json_listed_user(const char *server_id, const struct listed_user *user, const struct config *config,
    struct api_error *error)
{
	cJSON *object = cJSON_CreateObject();
	bool well;

	well = object != NULL && record_json_add_arn(object, config, server_id, user->user_name) &&
	    record_json_add_string(object, "HomeDirectory", user->home_directory) &&
	    record_json_add_string(object, "HomeDirectoryType", record_home_type_name(user->home_type)) &&
	    record_json_add_string(object, "Role", user->role) &&
	    record_json_add_number(object, "SshPublicKeyCount", (double)user->key_count) &&
	    record_json_add_string(object, "UserName", user->user_name);
	return record_json_finish(object, well, error);
}

char *
record_json_write_mappings(const struct mapping *mappings, size_t count)
{
	cJSON *list = write_mappings(mappings, count);
	char *text = list == NULL ? NULL : cJSON_PrintUnformatted(list);

	cJSON_Delete(list);
	return text;
}

static bool
stored_mapping_valid(const cJSON *item)
{
	const char *entry = record_json_string(item, "Entry"), *target = record_json_string(item, "Target");
	const cJSON *type = record_json_member(item, "Type");

	if (entry == NULL || target == NULL || entry[0] != '/' || target[0] != '/' || strlen(entry) > PATH_BYTES_MAX ||
	    strlen(target) > PATH_BYTES_MAX)
		return false;
	return type == NULL || (cJSON_IsString(type) &&
	    (strcmp(type->valuestring, "FILE") == 0 || strcmp(type->valuestring, "DIRECTORY") == 0));
}

int
record_json_read_mappings(const char *text, size_t length, struct mapping **mappings, size_t *count, struct api_error *error)
{
	cJSON *list = operation_parse(text, length, error);
	const cJSON *item;
	int result = -1;

	if (list == NULL)
		return -1;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > MAPPINGS_MAX) {
		api_fail(error, API_INTERNAL, "The mappings are no list, or more than %d", MAPPINGS_MAX);
		goto out;
	}
	cJSON_ArrayForEach(item, list) {
		if (!stored_mapping_valid(item)) {
			api_fail(error, API_INTERNAL, "One of the mappings is none");
			goto out;
		}
	}
	result = read_mappings(list, mappings, count, error);
out:
	cJSON_Delete(list);
	if (result == -1) {
		record_free_mappings(*mappings, *count);
		*mappings = NULL;
		*count = 0;
	}
	return result;
}
