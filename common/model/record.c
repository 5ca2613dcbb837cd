#include "common/model/record.h"

#include <stdlib.h>
#include <string.h>

const char *
record_home_type_name(enum home_type type)
{
	switch (type) {
	case HOME_PATH:
		return "PATH";
	case HOME_LOGICAL:
		return "LOGICAL";
	case HOME_NOT_GIVEN:
		break;
	}
	return NULL;
}

void
record_free_tags(struct tag *tags, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(tags[i].key);
		free(tags[i].value);
	}
	free(tags);
}

void
record_free_mappings(struct mapping *mappings, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(mappings[i].entry);
		free(mappings[i].target);
	}
	free(mappings);
}

void
record_free_key(struct ssh_key *key)
{
	free(key->body);
	free(key->base64);
	memset(key, 0, sizeof(*key));
}

void
record_free_user(struct user_record *user)
{
	size_t i;

	free(user->role);
	free(user->home_directory);
	record_free_mappings(user->mappings, user->mapping_count);
	free(user->policy);
	for (i = 0; i < user->key_count; i++)
		record_free_key(&user->keys[i]);
	free(user->keys);
	record_free_tags(user->tags, user->tag_count);
	memset(user, 0, sizeof(*user));
}

void
record_free_server(struct server_record *server)
{
	free(server->settings);
	record_free_tags(server->tags, server->tag_count);
	memset(server, 0, sizeof(*server));
}
