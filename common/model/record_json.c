#include "common/model/record_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operations.h"

/* What DescribeServer echoes of CreateServer, in the model's order around our own members. */
static const char *const SETTINGS_BEFORE_ID[] = { "Domain", "EndpointType", "IdentityProviderType", "LoggingRole",
	"PostAuthenticationLoginBanner", "PreAuthenticationLoginBanner", "Protocols", "SecurityPolicyName", NULL };
static const char *const SETTINGS_AFTER_COUNT[] = { "StructuredLogDestinations", NULL };
static const char *const SETTINGS_LISTED[] = { "Domain", "IdentityProviderType", "EndpointType", "LoggingRole", NULL };

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

static int
read_tags(const cJSON *list, struct tag **tags, size_t *count, struct api_error *error)
{
	size_t size = (size_t)cJSON_GetArraySize(list);
	struct tag *tag;
	const cJSON *item;

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
	return read_tags(record_json_member(request, "Tags"), &user->tags, &user->tag_count, error);
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

static bool
add_string(cJSON *object, const char *name, const char *value)
{
	return value == NULL || cJSON_AddStringToObject(object, name, value) != NULL;
}

static bool
add_number(cJSON *object, const char *name, double value)
{
	return cJSON_AddNumberToObject(object, name, value) != NULL;
}

/* Adds to list (or, with a name, to an object); what can't be added is freed. */
static bool
add_item(cJSON *parent, const char *name, cJSON *item)
{
	if (item != NULL && (name == NULL ? cJSON_AddItemToArray(parent, item) : cJSON_AddItemToObject(parent, name, item)))
		return true;
	cJSON_Delete(item);
	return false;
}

static cJSON *
write_mapping(const struct mapping *mapping)
{
	static const char *const TYPES[] = {
		[MAPPING_NOT_GIVEN] = NULL, [MAPPING_DIRECTORY] = "DIRECTORY", [MAPPING_FILE] = "FILE",
	};
	cJSON *object = cJSON_CreateObject();

	if (object != NULL && add_string(object, "Entry", mapping->entry) && add_string(object, "Target", mapping->target) &&
	    add_string(object, "Type", TYPES[mapping->type]))
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
		if (!add_item(list, NULL, write_mapping(&mappings[i]))) {
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

	if (object == NULL || !add_number(object, "Uid", profile->uid) || !add_number(object, "Gid", profile->gid))
		goto fail;
	if (!profile->has_secondary_gids)
		return object;
	gids = cJSON_AddArrayToObject(object, "SecondaryGids");
	for (i = 0; gids != NULL && i < profile->secondary_gid_count; i++)
		if (!add_item(gids, NULL, cJSON_CreateNumber(profile->secondary_gids[i])))
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
		if (!add_item(list, NULL, object) || !add_number(object, "DateImported", keys[i].imported) ||
		    !add_string(object, "SshPublicKeyBody", keys[i].body) ||
		    !add_string(object, "SshPublicKeyId", keys[i].id)) {
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}

static cJSON *
write_tags(const struct tag *tags, size_t count)
{
	cJSON *list = cJSON_CreateArray(), *object;
	size_t i;

	for (i = 0; list != NULL && i < count; i++) {
		object = cJSON_CreateObject();
		if (!add_item(list, NULL, object) || !add_string(object, "Key", tags[i].key) ||
		    !add_string(object, "Value", tags[i].value)) {
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}

static bool
add_arn(cJSON *object, const struct config *config, const char *kind, const char *server_id, const char *user_name)
{
	char arn[1600];

	snprintf(arn, sizeof(arn), "arn:aws:transfer:%s:%s:%s/%s%s%s", config->region, config->account_id, kind, server_id,
	    user_name == NULL ? "" : "/", user_name == NULL ? "" : user_name);
	return add_string(object, "Arn", arn);
}

/* Returns object when all went well; else frees it. */
static cJSON *
finished(cJSON *object, bool well, struct api_error *error)
{
	if (well)
		return object;
	cJSON_Delete(object);
	api_fail_memory(error);
	return NULL;
}

cJSON *
record_json_described_user(const struct user_record *user, const struct config *config, struct api_error *error)
{
	cJSON *object = cJSON_CreateObject();
	bool well;

	well = object != NULL && add_arn(object, config, "user", user->server_id, user->user_name) &&
	    add_string(object, "HomeDirectory", user->home_directory) &&
	    (user->mapping_count == 0 ||
	    add_item(object, "HomeDirectoryMappings", write_mappings(user->mappings, user->mapping_count))) &&
	    add_string(object, "HomeDirectoryType", record_home_type_name(user->home_type)) &&
	    add_string(object, "Policy", user->policy) &&
	    (!user->has_profile || add_item(object, "PosixProfile", write_profile(&user->profile))) &&
	    add_string(object, "Role", user->role) &&
	    add_item(object, "SshPublicKeys", write_keys(user->keys, user->key_count)) &&
	    (user->tag_count == 0 || add_item(object, "Tags", write_tags(user->tags, user->tag_count))) &&
	    add_string(object, "UserName", user->user_name);
	return finished(object, well, error);
}

cJSON *
record_json_listed_user(const char *server_id, const struct listed_user *user, const struct config *config,
    struct api_error *error)
{
	cJSON *object = cJSON_CreateObject();
	bool well;

	well = object != NULL && add_arn(object, config, "user", server_id, user->user_name) &&
	    add_string(object, "HomeDirectory", user->home_directory) &&
	    add_string(object, "HomeDirectoryType", record_home_type_name(user->home_type)) &&
	    add_string(object, "Role", user->role) &&
	    add_number(object, "SshPublicKeyCount", (double)user->key_count) &&
	    add_string(object, "UserName", user->user_name);
	return finished(object, well, error);
}

static bool
add_settings(cJSON *object, const cJSON *settings, const char *const *names)
{
	const cJSON *member;

	for (; *names != NULL; names++) {
		member = record_json_member(settings, *names);
		/* An empty string is as good as none. */
		if (cJSON_IsString(member) && member->valuestring[0] == '\0')
			continue;
		if (member != NULL && !add_item(object, *names, cJSON_Duplicate(member, 1)))
			return false;
	}
	return true;
}

/* The settings come from the store: they may be anything. */
static cJSON *
parse_settings(const struct server_record *server, struct api_error *error)
{
	cJSON *settings = operation_parse(server->settings, strlen(server->settings), error);

	if (cJSON_IsObject(settings))
		return settings;
	if (settings == NULL && error->code == API_UNAVAILABLE)
		return NULL;
	cJSON_Delete(settings);
	api_fail(error, API_INTERNAL, "The store's settings of server %s are no JSON object: was the file edited?",
	    server->server_id);
	return NULL;
}

/* What the service itself shows of a server that was made without these. */
static bool
add_defaults(cJSON *settings)
{
	static const char *const DEFAULTS[][2] = {
		{ "Domain", "S3" }, { "EndpointType", "PUBLIC" }, { "IdentityProviderType", "SERVICE_MANAGED" },
	};
	size_t i;

	for (i = 0; i < sizeof(DEFAULTS) / sizeof(*DEFAULTS); i++)
		if (record_json_member(settings, DEFAULTS[i][0]) == NULL &&
		    !add_string(settings, DEFAULTS[i][0], DEFAULTS[i][1]))
			return false;
	if (record_json_member(settings, "Protocols") != NULL)
		return true;
	return add_item(settings, "Protocols", cJSON_CreateStringArray((const char *[]){ "SFTP" }, 1));
}

int
record_json_read_server(const cJSON *request, struct server_record *server, struct api_error *error)
{
	cJSON *settings = cJSON_CreateObject();

	if (settings != NULL && add_settings(settings, request, SETTINGS_BEFORE_ID) &&
	    add_settings(settings, request, SETTINGS_AFTER_COUNT) && add_defaults(settings))
		server->settings = cJSON_PrintUnformatted(settings);
	cJSON_Delete(settings);
	if (server->settings == NULL)
		return api_fail_memory(error);
	return read_tags(record_json_member(request, "Tags"), &server->tags, &server->tag_count, error);
}

/* A server as DescribeServer shows it (whole), or as an item of a list. */
static cJSON *
write_server(const struct server_record *server, bool whole, const struct config *config, struct api_error *error)
{
	cJSON *settings = parse_settings(server, error), *object;
	bool well;

	if (settings == NULL)
		return NULL;
	object = cJSON_CreateObject();
	well = object != NULL && add_arn(object, config, "server", server->server_id, NULL) &&
	    add_settings(object, settings, whole ? SETTINGS_BEFORE_ID : SETTINGS_LISTED) &&
	    add_string(object, "ServerId", server->server_id) &&
	    add_string(object, "State", server->online ? "ONLINE" : "OFFLINE") &&
	    (!whole || server->tag_count == 0 || add_item(object, "Tags", write_tags(server->tags, server->tag_count))) &&
	    add_number(object, "UserCount", (double)server->user_count) &&
	    (!whole || add_settings(object, settings, SETTINGS_AFTER_COUNT));
	cJSON_Delete(settings);
	return finished(object, well, error);
}

cJSON *
record_json_described_server(const struct server_record *server, const struct config *config, struct api_error *error)
{
	return write_server(server, true, config, error);
}

cJSON *
record_json_listed_server(const struct server_record *server, const struct config *config, struct api_error *error)
{
	return write_server(server, false, config, error);
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
