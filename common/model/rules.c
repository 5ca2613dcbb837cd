#include "common/model/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/model/operations.h"
#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/wire/wire.h"

/* HomeDirectory and Target, after ${Transfer:UserName} is expanded. */
#define PATH_CHARACTERS_MAX 1024

int
rules_check_name(const char *user_name, struct api_error *error)
{
	if (strcmp(user_name, "root") == 0)
		return api_fail(error, API_INVALID_REQUEST, "UserName: root is the host's own; choose another name");
	if (!user_name_valid(user_name))
		return api_fail(error, API_INVALID_REQUEST,
		    "UserName: \"%.100s\" can't be used: a name is 3 to 100 letters, digits and _ @ . - and "
		    "does not begin with @ . or -", user_name);
	return 0;
}

/* The length of "${Transfer:UserName}" at text (any case of "Transfer"), or 0. */
static size_t
variable_length(const char *text)
{
	static const char OPEN[] = "${Transfer:", REST[] = "UserName}";

	if (strncasecmp(text, OPEN, strlen(OPEN)) != 0 || strncmp(text + strlen(OPEN), REST, strlen(REST)) != 0)
		return 0;
	return strlen(OPEN) + strlen(REST);
}

char *
rules_expand(const char *path, const char *user_name)
{
	size_t name_length = strlen(user_name), size = 1, length;
	const char *from;
	char *expanded, *to;

	for (from = path; *from != '\0'; from += length > 0 ? length : 1) {
		length = variable_length(from);
		size += length > 0 ? name_length : 1;
	}
	expanded = to = malloc(size);
	if (expanded == NULL)
		return NULL;
	for (from = path; *from != '\0'; from += length > 0 ? length : 1) {
		length = variable_length(from);
		if (length > 0)
			to = mempcpy(to, user_name, name_length);
		else
			*to++ = *from;
	}
	*to = '\0';
	return expanded;
}

static int
bad_path(struct api_error *error, const char *member, const char *path, const char *problem)
{
	return api_fail(error, API_INVALID_REQUEST, "%s: \"%.300s\" %s", member, path, problem);
}

/* A path's components: none is empty, "." or "..". A slash at the end is kept as it is written. */
static int
check_components(const char *member, const char *path, struct api_error *error)
{
	const char *component = path;
	size_t length;

	while (*component == '/' && component[1] != '\0') {
		component++;
		length = strcspn(component, "/");
		if (length == 0)
			return bad_path(error, member, path, "has an empty component; write one slash between two names");
		if (length <= 2 && strspn(component, ".") >= length)
			return bad_path(error, member, path, "has a component . or .., which no path may have");
		component += length;
	}
	return 0;
}

static int
check_path(const char *member, const char *path, struct api_error *error)
{
	if (path[0] != '/')
		return bad_path(error, member, path, "is not an absolute path; it must begin with a slash");
	if (text_has_control(path))
		return bad_path(error, member, path, "has a control character, which no path may have");
	return check_components(member, path, error);
}

static int
expand_in_place(char **path, const char *user_name, struct api_error *error)
{
	char *expanded = rules_expand(*path, user_name);

	if (expanded == NULL)
		return api_fail_memory(error);
	free(*path);
	*path = expanded;
	return 0;
}

static int
check_storage_path(const char *member, const char *path, struct api_error *error)
{
	size_t characters;

	if (!text_is_utf8(path, strlen(path), &characters) || characters > PATH_CHARACTERS_MAX)
		return api_fail(error, API_INVALID_REQUEST,
		    "%s: longer than %d characters once ${Transfer:UserName} is expanded", member, PATH_CHARACTERS_MAX);
	return check_path(member, path, error);
}

static int
check_mapping(const struct mapping *mapping, size_t index, struct api_error *error)
{
	char member[64];

	snprintf(member, sizeof(member), "HomeDirectoryMappings, Entry of mapping %zu", index + 1);
	if (check_path(member, mapping->entry, error) == -1)
		return -1;
	if (mapping->type == MAPPING_FILE && strcmp(mapping->entry, "/") == 0)
		return bad_path(error, member, mapping->entry, "is the root, which can't be of Type FILE");
	snprintf(member, sizeof(member), "HomeDirectoryMappings, Target of mapping %zu", index + 1);
	if (check_storage_path(member, mapping->target, error) == -1)
		return -1;
	if (strcmp(mapping->target, "/") == 0)
		return bad_path(error, member, mapping->target, "names no bucket; a Target is /BUCKET or /BUCKET/PATH");
	return 0;
}

static int
check_policy(const char *policy, struct api_error *error)
{
	struct api_error why = { .message = "this is something else" };
	cJSON *parsed = operation_parse(policy, strlen(policy), &why);
	int result = 0;

	if (parsed == NULL && why.code == API_UNAVAILABLE)
		result = api_fail_memory(error);
	else if (!cJSON_IsObject(parsed))
		result = api_fail(error, API_INVALID_REQUEST, "Policy: must be a JSON object; %.200s", why.message);
	cJSON_Delete(parsed);
	return result;
}

static int
check_id(const char *member, uint32_t id, uint32_t min, const char *floor, struct api_error *error)
{
	if (id_allowed(id, min))
		return 0;
	if (id < min || id < ID_FLOOR)
		return api_fail(error, API_INVALID_REQUEST,
		    "PosixProfile: %s %u is below %s, which is %u: lower ids are the host's own", member, id, floor,
		    min < ID_FLOOR ? ID_FLOOR : min);
	return api_fail(error, API_INVALID_REQUEST, "PosixProfile: %s %u is reserved; choose another", member, id);
}

static int
check_profile(const struct posix_profile *profile, const struct config *config, struct api_error *error)
{
	size_t i;

	if (check_id("Uid", profile->uid, config->min_uid, "MinUid", error) == -1 ||
	    check_id("Gid", profile->gid, config->min_gid, "MinGid", error) == -1)
		return -1;
	for (i = 0; i < profile->secondary_gid_count; i++)
		if (check_id("SecondaryGids", profile->secondary_gids[i], config->min_gid, "MinGid", error) == -1)
			return -1;
	return 0;
}

static int
check_mappings_size(const struct user_record *user, struct api_error *error)
{
	char *json = record_json_write_mappings(user->mappings, user->mapping_count);
	size_t length;

	if (json == NULL)
		return api_fail_memory(error);
	length = strlen(json);
	cJSON_free(json);
	if (length > MAPPINGS_JSON_MAX)
		return api_fail(error, API_INVALID_REQUEST,
		    "HomeDirectoryMappings: %zu bytes of JSON; all mappings of a user together may have %u",
		    length, MAPPINGS_JSON_MAX);
	return 0;
}

/* Once a path is expanded it may look as if it could be again: a stored one stays as it is. */
static int
expand_paths(struct user_record *user, struct api_error *error)
{
	size_t i;

	if (user->home_directory != NULL && expand_in_place(&user->home_directory, user->user_name, error) == -1)
		return -1;
	for (i = 0; i < user->mapping_count; i++)
		if (expand_in_place(&user->mappings[i].target, user->user_name, error) == -1)
			return -1;
	return 0;
}

static int
check_members(const struct user_record *user, const struct config *config, struct api_error *error)
{
	size_t i;

	if (user->home_directory != NULL && check_storage_path("HomeDirectory", user->home_directory, error) == -1)
		return -1;
	for (i = 0; i < user->mapping_count; i++)
		if (check_mapping(&user->mappings[i], i, error) == -1)
			return -1;
	if (user->mapping_count > 0 && check_mappings_size(user, error) == -1)
		return -1;
	if (user->policy != NULL && check_policy(user->policy, error) == -1)
		return -1;
	if (user->has_profile && check_profile(&user->profile, config, error) == -1)
		return -1;
	return 0;
}

int
rules_check_members(struct user_record *user, const struct config *config, struct api_error *error)
{
	if (expand_paths(user, error) == -1)
		return -1;
	return check_members(user, config, error);
}

/* A path's length without a slash at its end; the root's is 0. */
static size_t
bare_length(const char *path)
{
	size_t length = strlen(path);

	return length > 0 && path[length - 1] == '/' ? length - 1 : length;
}

/* Whether path is at or under the other. */
static bool
lies_under(const char *path, const char *other)
{
	size_t length = bare_length(other);

	return bare_length(path) >= length && memcmp(path, other, length) == 0 &&
	    (path[length] == '\0' || path[length] == '/');
}

/* Orders mappings so that what lies under an entry follows right after it: a slash comes before any other byte. */
static int
compare_entries(const void *left, const void *right)
{
	const char *a = (*(const struct mapping *const *)left)->entry, *b = (*(const struct mapping *const *)right)->entry;
	size_t a_length = bare_length(a), b_length = bare_length(b), i;

	for (i = 0; i < a_length && i < b_length; i++) {
		if (a[i] == b[i])
			continue;
		if (a[i] == '/' || b[i] == '/')
			return a[i] == '/' ? -1 : 1;
		return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
	}
	return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

static int
check_neighbours(const struct mapping *first, const struct mapping *second, struct api_error *error)
{
	static const char MEMBER[] = "HomeDirectoryMappings";

	if (!lies_under(second->entry, first->entry))
		return 0;
	if (bare_length(first->entry) == bare_length(second->entry))
		return api_fail(error, API_INVALID_REQUEST,
		    "%s: the Entry \"%.300s\" is there twice; entries may not repeat", MEMBER, first->entry);
	if (bare_length(first->entry) == 0)
		return api_fail(error, API_INVALID_REQUEST, "%s: the Entry / is there beside \"%.300s\"; / stands alone",
		    MEMBER, second->entry);
	return api_fail(error, API_INVALID_REQUEST,
	    "%s: the Entry \"%.300s\" lies under the Entry \"%.300s\"; entries may not nest", MEMBER, second->entry,
	    first->entry);
}

/* Sorted, then each compared with the next: a user may have 50,000. */
static int
check_entries(const struct user_record *user, struct api_error *error)
{
	const struct mapping **sorted = calloc(user->mapping_count, sizeof(*sorted));
	int result = 0;
	size_t i;

	if (sorted == NULL)
		return api_fail_memory(error);
	for (i = 0; i < user->mapping_count; i++)
		sorted[i] = &user->mappings[i];
	qsort(sorted, user->mapping_count, sizeof(*sorted), compare_entries);
	for (i = 1; i < user->mapping_count && result == 0; i++)
		result = check_neighbours(sorted[i - 1], sorted[i], error);
	free(sorted);
	return result;
}

static int
check_landing(const struct user_record *user, struct api_error *error)
{
	const struct mapping *mapping;
	size_t i;

	for (i = 0; i < user->mapping_count; i++) {
		mapping = &user->mappings[i];
		if (!lies_under(user->home_directory, mapping->entry))
			continue;
		if (mapping->type == MAPPING_FILE)
			return bad_path(error, "HomeDirectory", user->home_directory,
			    "lies at an Entry of Type FILE; a user can only land in a directory");
		return 0;
	}
	return bad_path(error, "HomeDirectory", user->home_directory,
	    "lies at or under no Entry; with HomeDirectoryType LOGICAL it must");
}

int
rules_check_user(const struct user_record *user, struct api_error *error)
{
	if (user->home_type != HOME_LOGICAL) {
		if (user->mapping_count == 0)
			return 0;
		return api_fail(error, API_INVALID_REQUEST,
		    "HomeDirectoryMappings: not with HomeDirectoryType PATH%s; mappings need LOGICAL",
		    user->home_type == HOME_NOT_GIVEN ? ", which is the default" : "");
	}
	if (user->mapping_count == 0)
		return api_fail(error, API_INVALID_REQUEST,
		    "HomeDirectoryMappings: none; HomeDirectoryType LOGICAL needs at least one");
	if (check_entries(user, error) == -1)
		return -1;
	return user->home_directory == NULL ? 0 : check_landing(user, error);
}

/* Replaces *to by a copy of from, or by NULL. */
static int
replace_string(char **to, const char *from, struct api_error *error)
{
	free(*to);
	*to = from == NULL ? NULL : strdup(from);
	return from != NULL && *to == NULL ? api_fail_memory(error) : 0;
}

static void
drop_mappings(struct user_record *user)
{
	record_free_mappings(user->mappings, user->mapping_count);
	user->mappings = NULL;
	user->mapping_count = 0;
}

static int
replace_mappings(struct user_record *user, const struct user_record *values, struct api_error *error)
{
	struct mapping *copy;
	size_t i;

	drop_mappings(user);
	if (values->mapping_count == 0)
		return 0;
	user->mappings = calloc(values->mapping_count, sizeof(*user->mappings));
	if (user->mappings == NULL)
		return api_fail_memory(error);
	for (i = 0; i < values->mapping_count; i++) {
		copy = &user->mappings[user->mapping_count++];
		copy->type = values->mappings[i].type;
		copy->entry = strdup(values->mappings[i].entry);
		copy->target = strdup(values->mappings[i].target);
		if (copy->entry == NULL || copy->target == NULL)
			return api_fail_memory(error);
	}
	return 0;
}

/*
 * The type of home directory after the change. Mappings without a type make a user LOGICAL. When the type really changes,
 * what belongs to the old one goes: the home directory means something else now, and PATH has no mappings.
 */
static void
merge_home_type(const struct user_change *change, struct user_record *user)
{
	bool was_logical = user->home_type == HOME_LOGICAL;

	if (change->given_home_type)
		user->home_type = change->values.home_type;
	else if (change->given_mappings && change->values.mapping_count > 0)
		user->home_type = HOME_LOGICAL;
	if ((user->home_type == HOME_LOGICAL) == was_logical)
		return;
	free(user->home_directory);
	user->home_directory = NULL;
	if (was_logical)
		drop_mappings(user);
}

int
rules_merge_user(const struct user_change *change, const struct config *config, struct user_record *user,
    struct api_error *error)
{
	const struct user_record *values = &change->values;

	merge_home_type(change, user);
	if (change->given_role && replace_string(&user->role, values->role, error) == -1)
		return -1;
	if (change->given_home_directory && replace_string(&user->home_directory, values->home_directory, error) == -1)
		return -1;
	if (change->given_policy && replace_string(&user->policy, values->policy, error) == -1)
		return -1;
	if (change->given_mappings && replace_mappings(user, values, error) == -1)
		return -1;
	if (change->given_profile) {
		user->has_profile = values->has_profile;
		user->profile = values->profile;
	}
	if (check_members(user, config, error) == -1)
		return -1;
	return rules_check_user(user, error);
}
