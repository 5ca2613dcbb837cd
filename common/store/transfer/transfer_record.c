/*
 * A user's record from elsewhere, read leniently: it was written by other rules than ours, and whoever it belongs to must
 * not be locked out by one of them. But what it holds goes into this host's passwd entries, sessions and files: each member
 * is bounded and of its type. A part that can do without is lost and told of; where that would make another record of it
 * (a uid, a path), the whole can't be used.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/text.h"
#include "common/model/timestamp.h"
#include "common/store/transfer/transfer_call.h"

#define ROLE_MAX      2048
#define POLICY_MAX    8192 /* 2,048 characters */
#define TAG_KEY_MAX   512  /* 128 characters */
#define TAG_VALUE_MAX 1024 /* 256 characters */
#define RSA_BITS_MIN  1024 /* sshd's own RequiredRSASize decides above it */
#define UNKNOWN_MAX   16   /* members that are told of */
#define MEMBER_SHOWN  64

/* The record while it is read. */
struct reader {
	const struct transfer_losses *losses;
	struct user_record *user;
	struct api_error *error;
};

static void lose(const struct reader *reader, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int unusable(const struct reader *reader, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
lose(const struct reader *reader, const char *member, const char *format, ...)
{
	char why[512];
	va_list arguments;

	if (reader->losses == NULL || reader->losses->told == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	text_make_safe(why);
	reader->losses->told(reader->losses->context, reader->user->user_name, member, why);
}

static int
unusable(const struct reader *reader, const char *member, const char *format, ...)
{
	char why[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return api_fail(reader->error, API_INTERNAL, "%s: %s", member, why);
}

bool
transfer_read_whole(const cJSON *number, double max, double *value)
{
	if (!cJSON_IsNumber(number) || !(number->valuedouble >= 0 && number->valuedouble <= max) ||
	    floor(number->valuedouble) != number->valuedouble)
		return false;
	*value = number->valuedouble;
	return true;
}

/* The member's text when it is one of at most `most` bytes without control characters; *given says whether it is there. */
static const char *
plain_text(const cJSON *object, const char *name, size_t most, bool *given)
{
	const cJSON *member = record_json_member(object, name);
	const char *text = cJSON_GetStringValue(member);

	*given = member != NULL;
	return text != NULL && strlen(text) <= most && !text_has_control(text) ? text : NULL;
}

static int
copy_text(const struct reader *reader, const char *text, char **to)
{
	*to = strdup(text);
	return *to == NULL ? api_fail_memory(reader->error) : 0;
}

/* What nobody needs to log in: lost where it can't be used. */
static int
read_spare(const struct reader *reader, const cJSON *object, const char *name, size_t most, char **to)
{
	bool given;
	const char *text = plain_text(object, name, most, &given);

	if (text == NULL && given)
		lose(reader, name, "is no text, longer than %zu bytes, or has control characters", most);
	return text == NULL || text[0] == '\0' ? 0 : copy_text(reader, text, to);
}

/* A policy may have its lines. */
static int
read_policy(const struct reader *reader, const cJSON *object)
{
	const cJSON *member = record_json_member(object, "Policy");
	const char *text = cJSON_GetStringValue(member);

	if (member == NULL || (text != NULL && text[0] == '\0'))
		return 0;
	if (text != NULL && strlen(text) <= POLICY_MAX)
		return copy_text(reader, text, &reader->user->policy);
	lose(reader, "Policy", "is no text, or longer than %d bytes", POLICY_MAX);
	return 0;
}

/* -- paths ------------------------------------------------------------------------------------------------------------- */

/* A path, with ${Transfer:UserName} expanded where the other side hasn't. */
static int
read_path(const struct reader *reader, const char *member, const char *path, char **to)
{
	*to = rules_expand(path, reader->user->user_name);
	if (*to == NULL)
		return api_fail_memory(reader->error);
	return strlen(*to) <= PATH_BYTES_MAX ? 0 : unusable(reader, member, "longer than %d bytes", PATH_BYTES_MAX);
}

static int
read_home(const struct reader *reader, const cJSON *object)
{
	static const char NAME[] = "HomeDirectory";
	bool given;
	const char *path = plain_text(object, NAME, PATH_BYTES_MAX, &given);

	if (!given || (path != NULL && path[0] == '\0'))
		return 0;
	if (path == NULL || path[0] != '/')
		return unusable(reader, NAME, "is no absolute path of at most %d bytes without control characters",
		    PATH_BYTES_MAX);
	return read_path(reader, NAME, path, &reader->user->home_directory);
}

static int
read_home_type(const struct reader *reader, const cJSON *object)
{
	static const char NAME[] = "HomeDirectoryType";
	const cJSON *member = record_json_member(object, NAME);
	const char *text = cJSON_GetStringValue(member);

	if (member == NULL)
		return 0;
	if (text == NULL)
		return unusable(reader, NAME, "is no text");
	if (strcmp(text, "PATH") == 0)
		reader->user->home_type = HOME_PATH;
	else if (strcmp(text, "LOGICAL") == 0)
		reader->user->home_type = HOME_LOGICAL;
	else
		return unusable(reader, NAME, "\"%.40s\" is not known to Berth", text);
	return 0;
}

static int
read_mapping_type(const struct reader *reader, const char *member, const cJSON *item, struct mapping *mapping)
{
	const cJSON *type = record_json_member(item, "Type");
	const char *text = cJSON_GetStringValue(type);

	if (type == NULL)
		return 0;
	if (text == NULL)
		return unusable(reader, member, "its Type is no text");
	if (strcmp(text, "FILE") == 0)
		mapping->type = MAPPING_FILE;
	else if (strcmp(text, "DIRECTORY") == 0)
		mapping->type = MAPPING_DIRECTORY;
	else
		return unusable(reader, member, "its Type \"%.40s\" is not known to Berth", text);
	return 0;
}

static int
read_mapping(const struct reader *reader, const cJSON *item, size_t number, struct mapping *mapping)
{
	bool given;
	const char *entry = plain_text(item, "Entry", PATH_BYTES_MAX, &given);
	const char *target = plain_text(item, "Target", PATH_BYTES_MAX, &given);
	char member[64];

	snprintf(member, sizeof(member), "HomeDirectoryMappings, mapping %zu", number);
	if (entry == NULL || target == NULL || entry[0] != '/' || target[0] != '/')
		return unusable(reader, member, "its Entry or Target is no absolute path of at most %d bytes without "
		    "control characters", PATH_BYTES_MAX);
	if (copy_text(reader, entry, &mapping->entry) == -1 ||
	    read_path(reader, member, target, &mapping->target) == -1)
		return -1;
	return read_mapping_type(reader, member, item, mapping);
}

static int
read_mappings(const struct reader *reader, const cJSON *object)
{
	static const char NAME[] = "HomeDirectoryMappings";
	const cJSON *list = record_json_member(object, NAME), *item;
	struct user_record *user = reader->user;
	size_t size = (size_t)cJSON_GetArraySize(list);

	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list) || size > MAPPINGS_MAX)
		return unusable(reader, NAME, "no list, or of more than %d mappings", MAPPINGS_MAX);
	if (size == 0)
		return 0;
	if ((user->mappings = calloc(size, sizeof(*user->mappings))) == NULL)
		return api_fail_memory(reader->error);
	cJSON_ArrayForEach(item, list) {
		struct mapping *mapping = &user->mappings[user->mapping_count++];

		if (read_mapping(reader, item, user->mapping_count, mapping) == -1)
			return -1;
	}
	return 0;
}

/* -- the profile ------------------------------------------------------------------------------------------------------- */

static int
read_id(const struct reader *reader, const cJSON *number, const char *name, uint32_t *id)
{
	double value;

	if (!transfer_read_whole(number, UINT32_MAX, &value))
		return unusable(reader, "PosixProfile", "%s is no whole number from 0 to 4294967295", name);
	*id = (uint32_t)value;
	return 0;
}

static int
read_profile(const struct reader *reader, const cJSON *object)
{
	static const char NAME[] = "PosixProfile";
	const cJSON *member = record_json_member(object, NAME), *gids, *gid;
	struct posix_profile *profile = &reader->user->profile;

	if (member == NULL)
		return 0;
	if (!cJSON_IsObject(member))
		return unusable(reader, NAME, "is no structure");
	reader->user->has_profile = true;
	if (read_id(reader, record_json_member(member, "Uid"), "Uid", &profile->uid) == -1 ||
	    read_id(reader, record_json_member(member, "Gid"), "Gid", &profile->gid) == -1)
		return -1;
	if ((gids = record_json_member(member, "SecondaryGids")) == NULL)
		return 0;
	if (!cJSON_IsArray(gids) || cJSON_GetArraySize(gids) > SECONDARY_GIDS_MAX)
		return unusable(reader, NAME, "SecondaryGids is no list, or of more than %d", SECONDARY_GIDS_MAX);
	profile->has_secondary_gids = true;
	cJSON_ArrayForEach(gid, gids)
		if (read_id(reader, gid, "one of the SecondaryGids",
		        &profile->secondary_gids[profile->secondary_gid_count++]) == -1)
			return -1;
	return 0;
}

/* -- keys and tags ----------------------------------------------------------------------------------------------------- */

/* The key's id when it is one that no key before it has; "" else: ids name keys to be deleted, and nobody logs in by one. */
static void
read_key_id(const struct reader *reader, const cJSON *item, struct ssh_key *key)
{
	const char *id = record_json_string(item, "SshPublicKeyId");

	key->id[0] = '\0';
	if (id == NULL || !pattern_ssh_key_id(id))
		return;
	for (size_t i = 0; i < reader->user->key_count; i++)
		if (strcmp(reader->user->keys[i].id, id) == 0)
			return;
	snprintf(key->id, sizeof(key->id), "%s", id);
}

static bool
has_key(const struct user_record *user, const struct ssh_key *key)
{
	for (size_t i = 0; i < user->key_count; i++)
		if (strcmp(user->keys[i].base64, key->base64) == 0)
			return true;
	return false;
}

static int
read_key(const struct reader *reader, const cJSON *item, size_t number)
{
	struct user_record *user = reader->user;
	const char *body = record_json_string(item, "SshPublicKeyBody");
	const char *id = record_json_string(item, "SshPublicKeyId");
	struct api_error why;
	struct ssh_key key;
	char name[32];

	if (id != NULL && pattern_ssh_key_id(id))
		snprintf(name, sizeof(name), "%s", id);
	else
		snprintf(name, sizeof(name), "key %zu", number);
	if (body == NULL || !pattern_ssh_key_body(body)) {
		lose(reader, "SshPublicKeys", "%s: has no SshPublicKeyBody that is a public key", name);
		return 0;
	}
	if (keys_parse(body, RSA_BITS_MIN, &key, &why) == -1) {
		if (why.code == API_UNAVAILABLE)
			return api_fail_memory(reader->error);
		lose(reader, "SshPublicKeys", "%s: %s", name, why.message);
		return 0;
	}
	/* The same key twice is one. */
	if (has_key(user, &key)) {
		record_free_key(&key);
		return 0;
	}
	read_key_id(reader, item, &key);
	if (!timestamp_read(record_json_member(item, "DateImported"), &key.imported))
		key.imported = 0;
	user->keys[user->key_count++] = key;
	return 0;
}

static int
read_keys(const struct reader *reader, const cJSON *object)
{
	static const char NAME[] = "SshPublicKeys";
	const cJSON *list = record_json_member(object, NAME), *item;
	size_t number = 0;

	if (list != NULL && !cJSON_IsArray(list))
		lose(reader, NAME, "is no list");
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
		return 0;
	if ((reader->user->keys = calloc(USER_KEYS_MAX, sizeof(*reader->user->keys))) == NULL)
		return api_fail_memory(reader->error);
	cJSON_ArrayForEach(item, list) {
		if (number++ == USER_KEYS_MAX) {
			lose(reader, NAME, "all after the first %d of %d", USER_KEYS_MAX, cJSON_GetArraySize(list));
			return 0;
		}
		if (read_key(reader, item, number) == -1)
			return -1;
	}
	return 0;
}

static bool
has_tag(const struct user_record *user, const char *key)
{
	for (size_t i = 0; i < user->tag_count; i++)
		if (strcmp(user->tags[i].key, key) == 0)
			return true;
	return false;
}

static int
read_tag(const struct reader *reader, const cJSON *item)
{
	bool given, given_value;
	const char *key = plain_text(item, "Key", TAG_KEY_MAX, &given);
	const char *value = plain_text(item, "Value", TAG_VALUE_MAX, &given_value);
	struct user_record *user = reader->user;
	struct tag *tag;

	if (key == NULL || key[0] == '\0' || (value == NULL && given_value) || has_tag(user, key)) {
		lose(reader, "Tags", "one that has no Key or Value of a tag, or the Key of another");
		return 0;
	}
	tag = &user->tags[user->tag_count++];
	if (copy_text(reader, key, &tag->key) == -1)
		return -1;
	return copy_text(reader, value == NULL ? "" : value, &tag->value);
}

static int
read_tags(const struct reader *reader, const cJSON *object)
{
	const cJSON *list = record_json_member(object, "Tags"), *item;

	if (list != NULL && !cJSON_IsArray(list))
		lose(reader, "Tags", "is no list");
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
		return 0;
	if ((reader->user->tags = calloc(TAGS_MAX, sizeof(*reader->user->tags))) == NULL)
		return api_fail_memory(reader->error);
	cJSON_ArrayForEach(item, list) {
		if (reader->user->tag_count == TAGS_MAX) {
			lose(reader, "Tags", "all after the first %d of %d", TAGS_MAX, cJSON_GetArraySize(list));
			return 0;
		}
		if (read_tag(reader, item) == -1)
			return -1;
	}
	return 0;
}

/* -- all of it --------------------------------------------------------------------------------------------------------- */

/* For whoever copies records: what the copy won't have. */
static void
tell_unknown(const struct reader *reader, const cJSON *object)
{
	static const char *const KNOWN[] = { "Arn", "HomeDirectory", "HomeDirectoryMappings", "HomeDirectoryType", "Policy",
		"PosixProfile", "Role", "SshPublicKeys", "Tags", "UserName" };
	char name[MEMBER_SHOWN + 1];
	const cJSON *member;
	size_t told = 0, i;

	cJSON_ArrayForEach(member, object) {
		for (i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]) && strcmp(member->string, KNOWN[i]) != 0; i++)
			;
		if (i < sizeof(KNOWN) / sizeof(KNOWN[0]) || cJSON_IsNull(member))
			continue;
		snprintf(name, sizeof(name), "%s", member->string);
		text_make_safe(name);
		lose(reader, name, "is not known to Berth");
		if (++told == UNKNOWN_MAX)
			return;
	}
}

static bool
is_asked_for(const char *server_id, const char *user_name, const cJSON *answer)
{
	const cJSON *server = record_json_member(answer, "ServerId");
	const char *name = record_json_string(record_json_member(answer, "User"), "UserName");

	if (server != NULL && (!cJSON_IsString(server) || strcmp(server->valuestring, server_id) != 0))
		return false;
	return name != NULL && strcmp(name, user_name) == 0;
}

static int
read_members(const struct reader *reader, const cJSON *object)
{
	if (read_spare(reader, object, "Role", ROLE_MAX, &reader->user->role) == -1 || read_policy(reader, object) == -1 ||
	    read_home(reader, object) == -1 || read_home_type(reader, object) == -1 ||
	    read_mappings(reader, object) == -1 || read_profile(reader, object) == -1 || read_keys(reader, object) == -1)
		return -1;
	return read_tags(reader, object);
}

int
transfer_read_user(const char *server_id, const char *user_name, const cJSON *answer,
    const struct transfer_losses *losses, struct user_record *user, struct api_error *error)
{
	const struct reader reader = { losses, user, error };
	const cJSON *object = record_json_member(answer, "User");

	memset(user, 0, sizeof(*user));
	if (!cJSON_IsObject(object) || !is_asked_for(server_id, user_name, answer))
		return api_fail(error, API_UNAVAILABLE, "The answer to DescribeUser isn't about user %.100s of server %.19s",
		    user_name, server_id);
	snprintf(user->server_id, sizeof(user->server_id), "%s", server_id);
	snprintf(user->user_name, sizeof(user->user_name), "%s", user_name);
	if (read_members(&reader, object) == 0) {
		tell_unknown(&reader, object);
		return 0;
	}
	record_free_user(user);
	memset(user, 0, sizeof(*user));
	return -1;
}
