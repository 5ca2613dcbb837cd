#include "common/model/user_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/model/operation.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/shapes.h"
#include "common/model/timestamp.h"

_Static_assert(USER_KEYS_MAX <= 64, "a line's keys are bits of 64");

/* Whether a control character that JSON may have as it is begins here: U+007F, or U+0080 to U+009F in two bytes. */
static bool
is_control(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	return byte[0] == 0x7f || (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] <= 0x9f);
}

/* The text with those escaped, too; it is freed when there are any. */
static char *
escape_controls(char *text)
{
	size_t controls = 0;
	const char *from;
	char *escaped, *to;

	for (from = text; (from = strpbrk(from, "\x7f\xc2")) != NULL; from++)
		controls += is_control(from);
	if (controls == 0)
		return text;
	to = escaped = cJSON_malloc(strlen(text) + 5 * controls + 1);
	for (from = text; escaped != NULL && *from != '\0'; from++) {
		if (!is_control(from)) {
			*to++ = *from;
			continue;
		}
		from += *from == '\x7f' ? 0 : 1;
		to += sprintf(to, "\\u%04x", (unsigned char)*from);
	}
	if (escaped != NULL)
		*to = '\0';
	cJSON_free(text);
	return escaped;
}

char *
user_line_write(const struct user_record *user, const struct config *config, struct api_error *error)
{
	cJSON *object = record_json_described_user(user, config, error);
	char *text;

	if (object == NULL)
		return NULL;
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (text != NULL)
		text = escape_controls(text);
	if (text == NULL)
		api_fail_memory(error);
	return text;
}

void
user_line_free(struct user_line *line)
{
	record_free_user(&line->user);
}

static bool
given(uint64_t bits, size_t index)
{
	return (bits >> index & 1) != 0;
}

/* The user's last key may be none that the others are already. */
static int
check_new_key(const struct user_line *line, struct api_error *error)
{
	size_t last = line->user.key_count - 1, i;
	const struct ssh_key *keys = line->user.keys;

	for (i = 0; i < last; i++) {
		if (strcmp(keys[i].base64, keys[last].base64) == 0)
			return api_fail(error, API_INVALID_REQUEST, "SshPublicKeys: keys %zu and %zu are the same key",
			    i + 1, last + 1);
		if (given(line->ids_given, last) && strcmp(keys[i].id, keys[last].id) == 0)
			return api_fail(error, API_INVALID_REQUEST,
			    "SshPublicKeys: keys %zu and %zu have the same SshPublicKeyId", i + 1, last + 1);
	}
	return 0;
}

static int
read_key(const cJSON *object, const struct config *config, struct user_line *line, struct api_error *error)
{
	const char *id = record_json_string(object, "SshPublicKeyId");
	const cJSON *date = record_json_member(object, "DateImported");
	size_t index = line->user.key_count;
	struct ssh_key *key = &line->user.keys[index];

	if (keys_parse(record_json_string(object, "SshPublicKeyBody"), config->min_rsa_bits, key, error) == -1)
		return -1;
	line->user.key_count++;
	if (id != NULL) {
		snprintf(key->id, sizeof(key->id), "%s", id);
		line->ids_given |= (uint64_t)1 << index;
	}
	if (date != NULL && timestamp_read(date, &key->imported))
		line->dates_given |= (uint64_t)1 << index;
	return check_new_key(line, error);
}

static int
read_keys(const cJSON *list, const struct config *config, struct user_line *line, struct api_error *error)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	const cJSON *object;

	if (count == 0)
		return 0;
	line->user.keys = calloc(count, sizeof(*line->user.keys));
	if (line->user.keys == NULL)
		return api_fail_memory(error);
	cJSON_ArrayForEach(object, list)
		if (read_key(object, config, line, error) == -1)
			return -1;
	return 0;
}

static void
read_name(const cJSON *object, struct user_line *line)
{
	const char *name = record_json_string(object, "UserName");

	snprintf(line->name, sizeof(line->name), "%s", name == NULL ? "" : name);
}

/* The record is of the server that it is imported to, whatever the line says. */
static int
set_server(cJSON *object, const char *server_id, struct api_error *error)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, "ServerId");
	return cJSON_AddStringToObject(object, "ServerId", server_id) == NULL ? api_fail_memory(error) : 0;
}

static int
read_user(cJSON *object, const char *server_id, const struct config *config, struct user_line *line, struct api_error *error)
{
	if (!cJSON_IsObject(object))
		return api_fail(error, API_SERIALIZATION, "The line is no JSON object");
	read_name(object, line);
	if (shapes_check(shapes_user_line(), object, error) == -1 || set_server(object, server_id, error) == -1 ||
	    record_json_read_user(object, &line->user, error) == -1)
		return -1;
	if (rules_check_name(line->user.user_name, error) == -1 ||
	    rules_check_tags(line->user.tags, line->user.tag_count, error) == -1 ||
	    rules_check_members(&line->user, config, error) == -1 || rules_check_user(&line->user, error) == -1)
		return -1;
	return read_keys(record_json_member(object, "SshPublicKeys"), config, line, error);
}

int
user_line_read_json(cJSON *object, const char *server_id, const struct config *config, struct user_line *line,
    struct api_error *error)
{
	memset(line, 0, sizeof(*line));
	return read_user(object, server_id, config, line, error);
}

int
user_line_read(const char *text, size_t length, const char *server_id, const struct config *config, struct user_line *line,
    struct api_error *error)
{
	cJSON *object;
	int result;

	memset(line, 0, sizeof(*line));
	object = operation_parse(text, length, error);
	if (object == NULL)
		return -1;
	result = user_line_read_json(object, server_id, config, line, error);
	cJSON_Delete(object);
	return result;
}

static const struct ssh_key *
find_key(const struct user_record *user, const char *base64)
{
	size_t i;

	for (i = 0; user != NULL && i < user->key_count; i++)
		if (strcmp(user->keys[i].base64, base64) == 0)
			return &user->keys[i];
	return NULL;
}

static bool
has_key_id(const struct user_record *user, const char *id)
{
	size_t i;

	for (i = 0; i < user->key_count; i++)
		if (strcmp(user->keys[i].id, id) == 0)
			return true;
	return false;
}

int
user_line_complete(struct user_line *line, const struct user_record *stored, struct api_error *error)
{
	double now = timestamp_now();
	const struct ssh_key *known;
	struct ssh_key *key;
	size_t i;

	for (i = 0; i < line->user.key_count; i++) {
		key = &line->user.keys[i];
		known = find_key(stored, key->base64);
		if (!given(line->dates_given, i))
			key->imported = known == NULL ? now : known->imported;
		if (given(line->ids_given, i))
			continue;
		/* The line may have given a known key's id to another key. */
		if (known != NULL && !has_key_id(&line->user, known->id))
			memcpy(key->id, known->id, sizeof(key->id));
		else if (operation_make_id("key-", key->id, sizeof(key->id), error) == -1)
			return -1;
	}
	return 0;
}

static bool
same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

static bool
same_mappings(const struct user_record *one, const struct user_record *other)
{
	size_t i;

	if (one->mapping_count != other->mapping_count)
		return false;
	for (i = 0; i < one->mapping_count; i++)
		if (one->mappings[i].type != other->mappings[i].type ||
		    !same_text(one->mappings[i].entry, other->mappings[i].entry) ||
		    !same_text(one->mappings[i].target, other->mappings[i].target))
			return false;
	return true;
}

static bool
same_profile(const struct user_record *one, const struct user_record *other)
{
	const struct posix_profile *a = &one->profile, *b = &other->profile;

	if (!one->has_profile || !other->has_profile)
		return one->has_profile == other->has_profile;
	return a->uid == b->uid && a->gid == b->gid && a->has_secondary_gids == b->has_secondary_gids &&
	    a->secondary_gid_count == b->secondary_gid_count &&
	    memcmp(a->secondary_gids, b->secondary_gids, a->secondary_gid_count * sizeof(*a->secondary_gids)) == 0;
}

static bool
same_keys(const struct user_line *line, const struct user_record *stored)
{
	const struct ssh_key *key, *known;
	size_t i;

	if (line->user.key_count != stored->key_count)
		return false;
	for (i = 0; i < line->user.key_count; i++) {
		key = &line->user.keys[i];
		known = find_key(stored, key->base64);
		if (known == NULL || !same_text(key->body, known->body) ||
		    (given(line->ids_given, i) && !same_text(key->id, known->id)) ||
		    (given(line->dates_given, i) && !timestamp_same(key->imported, known->imported)))
			return false;
	}
	return true;
}

static bool
same_tags(const struct user_record *one, const struct user_record *other)
{
	size_t i, j;

	if (one->tag_count != other->tag_count)
		return false;
	for (i = 0; i < one->tag_count; i++) {
		for (j = 0; j < other->tag_count; j++)
			if (same_text(one->tags[i].key, other->tags[j].key) &&
			    same_text(one->tags[i].value, other->tags[j].value))
				break;
		if (j == other->tag_count)
			return false;
	}
	return true;
}

static void
add_difference(char members[USER_LINE_MEMBERS_MAX], bool same, const char *name)
{
	size_t length = strlen(members);

	if (!same)
		snprintf(members + length, USER_LINE_MEMBERS_MAX - length, "%s%s", length == 0 ? "" : ", ", name);
}

void
user_line_differences(const struct user_line *line, const struct user_record *stored, char members[USER_LINE_MEMBERS_MAX])
{
	const struct user_record *user = &line->user;

	members[0] = '\0';
	add_difference(members, same_text(user->home_directory, stored->home_directory), "HomeDirectory");
	add_difference(members, same_mappings(user, stored), "HomeDirectoryMappings");
	add_difference(members, user->home_type == stored->home_type, "HomeDirectoryType");
	add_difference(members, same_text(user->policy, stored->policy), "Policy");
	add_difference(members, same_profile(user, stored), "PosixProfile");
	add_difference(members, same_text(user->role, stored->role), "Role");
	add_difference(members, same_keys(line, stored), "SshPublicKeys");
	add_difference(members, same_tags(user, stored), "Tags");
}
