/* A user as a service describes it: what of it can be taken, and what of it this host can't honour. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/import/import_transfer.h"
#include "admin_cmd/import/import_source.h"
#include "common/model/keys.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/shapes.h"
#include "common/model/timestamp.h"

#define NOTES_MAX 100 /* of one user */
#define NOTE_MAX  300 /* bytes */
#define LIST_MAX  1000 /* keys that are looked at */

struct import_fetched *
import_fetched_new(const char *name)
{
	struct import_fetched *fetched = calloc(1, sizeof(*fetched));

	if (fetched == NULL)
		return NULL;
	snprintf(fetched->name, sizeof(fetched->name), "%s", name);
	fetched->notes_end = &fetched->notes;
	fetched->bytes = sizeof(*fetched);
	return fetched;
}

void
import_fetched_free(struct import_fetched *fetched)
{
	struct import_note *note;

	if (fetched == NULL)
		return;
	while ((note = fetched->notes) != NULL) {
		fetched->notes = note->next;
		free(note);
	}
	user_line_free(&fetched->line);
	free(fetched->message);
	free(fetched);
}

void
import_fetched_refuse(struct import_fetched *fetched, const struct api_error *error)
{
	fetched->refused = true;
	fetched->code = error->code;
	fetched->message = strdup(error->message);
}

/* What was left out has to be told: without memory for it, the user is refused. */
static void
add_note(struct import_fetched *fetched, enum left_kind kind, const char *text)
{
	struct import_note *note = malloc(sizeof(*note) + strlen(text) + 1);
	struct api_error error;

	if (note == NULL) {
		api_fail_memory(&error);
		if (!fetched->refused)
			import_fetched_refuse(fetched, &error);
		return;
	}
	note->next = NULL;
	note->kind = kind;
	strcpy(note->text, text);
	*fetched->notes_end = note;
	fetched->notes_end = &note->next;
}

static void __attribute__((format(printf, 3, 4)))
tell(struct import_fetched *fetched, enum left_kind kind, const char *format, ...)
{
	char text[NOTE_MAX + 1];
	va_list arguments;

	if (++fetched->note_count > NOTES_MAX + 1)
		return;
	if (fetched->note_count == NOTES_MAX + 1) {
		add_note(fetched, LEFT_MEMBER, "and more, which is not listed");
		return;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add_note(fetched, kind, text);
}

static const struct shape_member *
find_member(const struct shape *shape, const char *name)
{
	const struct shape_member *member;

	for (member = shape->members; member->name != NULL; member++)
		if (strcmp(member->name, name) == 0)
			return member;
	return NULL;
}

/* Takes out all members that a line doesn't have, at every depth. path: of this item, for what is told. */
static void
drop_unknown(struct import_fetched *fetched, const struct shape *shape, cJSON *item, const char *path)
{
	const struct shape_member *member;
	char inner[NOTE_MAX / 2];
	cJSON *child, *next;

	if (shape->kind == SHAPE_LIST) {
		cJSON_ArrayForEach(child, item)
			drop_unknown(fetched, shape->item, child, path);
		return;
	}
	if (shape->kind != SHAPE_STRUCTURE || !cJSON_IsObject(item))
		return;
	for (child = item->child; child != NULL; child = next) {
		next = child->next;
		snprintf(inner, sizeof(inner), "%.60s%s%.60s", path, path[0] == '\0' ? "" : ".", child->string);
		if ((member = find_member(shape, child->string)) != NULL) {
			drop_unknown(fetched, member->shape, child, inner);
			continue;
		}
		tell(fetched, LEFT_MEMBER, "%s", inner);
		cJSON_Delete(cJSON_DetachItemViaPointer(item, child));
	}
}

static bool
same_before(const struct ssh_key *keys, size_t count, const char *base64, const char *id)
{
	size_t i;

	for (i = 0; i < count; i++)
		if ((base64 != NULL && strcmp(keys[i].base64, base64) == 0) || (id != NULL && strcmp(keys[i].id, id) == 0))
			return true;
	return false;
}

/* The key's id and date may be made anew; both are only this service's words for it. */
static void
mend_key(struct import_fetched *fetched, cJSON *item, struct ssh_key *keys, size_t count)
{
	const char *id = record_json_string(item, "SshPublicKeyId");
	double when;

	if (cJSON_GetObjectItemCaseSensitive(item, "SshPublicKeyId") != NULL &&
	    (id == NULL || !pattern_ssh_key_id(id) || same_before(keys, count, NULL, id))) {
		tell(fetched, LEFT_MEMBER, "SshPublicKeyId of key %zu: a new one is made", count + 1);
		cJSON_DeleteItemFromObjectCaseSensitive(item, "SshPublicKeyId");
	} else if (id != NULL) {
		snprintf(keys[count].id, sizeof(keys[count].id), "%s", id);
	}
	if (cJSON_GetObjectItemCaseSensitive(item, "DateImported") != NULL &&
	    !timestamp_read(cJSON_GetObjectItemCaseSensitive(item, "DateImported"), &when)) {
		tell(fetched, LEFT_MEMBER, "DateImported of key %zu: it becomes today's", count + 1);
		cJSON_DeleteItemFromObjectCaseSensitive(item, "DateImported");
	}
}

/* Whether the key can be taken; it is key `count` then. */
static bool
take_key(struct import_fetched *fetched, cJSON *item, const struct config *config, struct ssh_key *keys, size_t count)
{
	const char *id = record_json_string(item, "SshPublicKeyId"), *body = record_json_string(item, "SshPublicKeyBody");
	struct api_error error;

	if (id == NULL)
		id = "a key";
	if (body == NULL) {
		tell(fetched, LEFT_KEY_UNUSABLE, "%.30s: there is no SshPublicKeyBody", id);
	} else if (keys_parse(body, config->min_rsa_bits, &keys[count], &error) == -1) {
		tell(fetched, LEFT_KEY_UNUSABLE, "%.30s: %s", id, error.message);
	} else if (same_before(keys, count, keys[count].base64, NULL)) {
		tell(fetched, LEFT_KEY_UNUSABLE, "%.30s: the user has this key twice", id);
		record_free_key(&keys[count]);
	} else if (count == USER_KEYS_MAX) {
		tell(fetched, LEFT_KEY_COUNT, "%.30s", id);
		record_free_key(&keys[count]);
	} else {
		mend_key(fetched, item, keys, count);
		return true;
	}
	return false;
}

/* Leaves the keys that can be used. */
static void
filter_keys(struct import_fetched *fetched, cJSON *user, const struct config *config)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(user, "SshPublicKeys"), *item, *next;
	struct ssh_key keys[USER_KEYS_MAX + 1];
	size_t count = 0, looked_at = 0, i;

	if (list == NULL || cJSON_IsNull(list))
		return;
	if (!cJSON_IsArray(list)) {
		tell(fetched, LEFT_KEY_UNUSABLE, "SshPublicKeys is no list");
		cJSON_DeleteItemFromObjectCaseSensitive(user, "SshPublicKeys");
		return;
	}
	memset(keys, 0, sizeof(keys));
	for (item = list->child; item != NULL; item = next) {
		next = item->next;
		if (++looked_at <= LIST_MAX && take_key(fetched, item, config, keys, count))
			count++;
		else
			cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
		memset(&keys[count], 0, sizeof(*keys));
	}
	if (looked_at > LIST_MAX)
		tell(fetched, LEFT_KEY_COUNT, "%zu more, which were not looked at", looked_at - LIST_MAX);
	for (i = 0; i < count; i++)
		record_free_key(&keys[i]);
}

/* Transfer's users have one; here it isn't used, and nobody is to be lost for it. */
static bool
add_role(struct import_fetched *fetched, cJSON *user, const struct config *config)
{
	const char *role = record_json_string(user, "Role");
	char own[128];

	if (role != NULL && role[0] != '\0')
		return true;
	snprintf(own, sizeof(own), "arn:aws:iam::%.12s:role/berth", config->account_id);
	tell(fetched, LEFT_MEMBER, "there is no Role: it becomes %s", own);
	cJSON_DeleteItemFromObjectCaseSensitive(user, "Role");
	return cJSON_AddStringToObject(user, "Role", own) != NULL;
}

static size_t
bytes_of(const struct user_record *user)
{
	size_t bytes = user->mapping_count * sizeof(*user->mappings) + user->key_count * 1024, i;

	for (i = 0; i < user->mapping_count; i++)
		bytes += strlen(user->mappings[i].target) + 64;
	return bytes;
}

static int
judge(struct import_fetched *fetched, cJSON *user, const char *server_id, const struct config *config,
    struct api_error *error)
{
	const char *name = record_json_string(user, "UserName");

	if (!cJSON_IsObject(user))
		return api_fail(error, API_UNAVAILABLE, "The answer has no User");
	if (name == NULL || strcmp(name, fetched->name) != 0)
		return api_fail(error, API_UNAVAILABLE, "The answer is about another user, \"%.100s\"",
		    name == NULL ? "" : name);
	drop_unknown(fetched, shapes_user_line(), user, "");
	filter_keys(fetched, user, config);
	if (!add_role(fetched, user, config))
		return api_fail_memory(error);
	return user_line_read_json(user, server_id, config, &fetched->line, error);
}

void
import_fetched_judge(struct import_fetched *fetched, cJSON *response, const char *server_id, const struct config *config)
{
	struct api_error error;

	if (judge(fetched, cJSON_GetObjectItemCaseSensitive(response, "User"), server_id, config, &error) == -1) {
		user_line_free(&fetched->line);
		memset(&fetched->line, 0, sizeof(fetched->line));
		import_fetched_refuse(fetched, &error);
		return;
	}
	fetched->bytes += bytes_of(&fetched->line.user);
}

/* Where a user's data is said to be. */
static void
check_buckets(struct import_host *host, const struct user_record *user)
{
	size_t i;

	if (user->home_type == HOME_LOGICAL) {
		for (i = 0; i < user->mapping_count; i++)
			import_buckets_check(&host->buckets, host->left, host->config, user->mappings[i].target, false);
	} else if (user->home_directory != NULL && strcmp(user->home_directory, "/") != 0) {
		import_buckets_check(&host->buckets, host->left, host->config, user->home_directory, false);
	} else if (!host->config->path_shows_all) {
		import_left_note(host->left, LEFT_NO_HOME, 0, user->user_name, "%s", "");
	}
}

void
import_user_tell(struct import_host *host, const struct user_record *user)
{
	const struct config *config = host->config;
	uint32_t uid = user->has_profile ? user->profile.uid : config->has_default_profile ? config->default_uid : ID_NONE;
	const char *name = user->user_name;

	if (import_accounts_have_name(host->accounts, name))
		import_left_note(host->left, LEFT_CLASH, 0, name, "the name stands in /etc/passwd");
	else if (uid != ID_NONE && import_accounts_have_uid(host->accounts, uid) && !config_shares_uid(config, uid))
		import_left_note(host->left, LEFT_CLASH, 0, name, "uid %u stands in /etc/passwd", uid);
	if (!user->has_profile && !config->has_default_profile)
		import_left_note(host->left, LEFT_NO_PROFILE, 0, name, "%s", "");
	if (user->key_count == 0)
		import_left_note(host->left, LEFT_NO_KEY, 0, name, "%s", "");
	if (user->policy != NULL)
		import_left_note(host->left, LEFT_POLICY, 0, name, "%s", "");
	check_buckets(host, user);
}
