/*
 * A record that was fetched is read leniently: it may lack what the store's schema demands, or hold what a store of ours
 * would never give back. Only that is left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/store/cache/cache_private.h"

/* Whether what is made of type, base64 and comment will be this body again. */
static bool
body_can_be_kept(const struct ssh_key *key)
{
	size_t type = strlen(key->type), base64 = strlen(key->base64);
	const char *body = key->body;

	if (body == NULL || strncmp(body, key->type, type) != 0 || body[type] != ' ' ||
	    strncmp(body + type + 1, key->base64, base64) != 0)
		return false;
	return body[type + 1 + base64] == '\0' || body[type + 1 + base64] == ' ';
}

static int
keep_keys(const struct user_record *from, struct kept_user *kept)
{
	struct user_record *user = &kept->user;
	struct ssh_key *key;
	size_t i;

	user->key_count = 0;
	user->keys = calloc(USER_KEYS_MAX, sizeof(*user->keys));
	if (user->keys == NULL)
		return -1;
	for (i = 0; i < from->key_count && user->key_count < USER_KEYS_MAX; i++) {
		if (from->keys[i].base64 == NULL || !keys_type_known(from->keys[i].type) ||
		    !keys_is_base64(from->keys[i].base64))
			continue;
		key = &user->keys[user->key_count];
		*key = from->keys[i];
		if (!body_can_be_kept(key)) {
			if (asprintf(&key->body, "%s %s", key->type, key->base64) == -1)
				return -1;
			kept->bodies[user->key_count] = key->body;
		}
		user->key_count++;
	}
	return 0;
}

int
cache_keep_tags(const struct tag *from, size_t from_count, struct tag **tags, size_t *count)
{
	struct tag *tag;
	size_t i;

	*count = 0;
	*tags = calloc(TAGS_MAX, sizeof(**tags));
	if (*tags == NULL)
		return -1;
	for (i = 0; i < from_count && *count < TAGS_MAX; i++) {
		if (from[i].key == NULL)
			continue;
		tag = &(*tags)[(*count)++];
		tag->key = strdup(from[i].key);
		tag->value = strdup(from[i].value == NULL ? "" : from[i].value);
		if (tag->key == NULL || tag->value == NULL)
			return -1;
	}
	return 0;
}

int
cache_keep_user(const struct user_record *from, struct kept_user *kept)
{
	static char no_role[] = "";

	memset(kept->bodies, 0, sizeof(kept->bodies));
	kept->user = *from;
	kept->user.keys = NULL;
	kept->user.tags = NULL;
	if (kept->user.role == NULL)
		kept->user.role = no_role;
	kept->user.tag_count = 0;
	if (keep_keys(from, kept) == 0 &&
	    cache_keep_tags(from->tags, from->tag_count, &kept->user.tags, &kept->user.tag_count) == 0)
		return 0;
	cache_free_kept(kept);
	return -1;
}

void
cache_free_kept(struct kept_user *kept)
{
	size_t i;

	for (i = 0; i < USER_KEYS_MAX; i++)
		free(kept->bodies[i]);
	free(kept->user.keys);
	record_free_tags(kept->user.tags, kept->user.tag_count);
}
