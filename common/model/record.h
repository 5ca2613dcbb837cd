/*
 * The record: a server's and a user's data as Berth keeps it, in the Transfer API's terms.
 *
 * Ownership: a record owns all that its pointers lead to; record_free_*() releases it. NULL and has_* = false mean "not
 * given": DescribeUser leaves out what was not given. An empty string clears a member, so it is NULL here, too.
 */
#ifndef BERTH_RECORD_H
#define BERTH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"

#define KEY_ID_LENGTH 21 /* "key-" + 17 hexadecimal digits */
#define TAGS_MAX      50 /* of one resource */

enum home_type { HOME_NOT_GIVEN = 0, HOME_PATH, HOME_LOGICAL }; /* not given: PATH */
enum mapping_type { MAPPING_NOT_GIVEN = 0, MAPPING_DIRECTORY, MAPPING_FILE }; /* not given: DIRECTORY */

struct mapping {
	char *entry;  /* the path that the user sees */
	char *target; /* /BUCKET/PATH on the store; ${Transfer:UserName} is expanded already */
	enum mapping_type type;
};

struct posix_profile {
	uint32_t uid, gid;
	uint32_t secondary_gids[SECONDARY_GIDS_MAX];
	size_t secondary_gid_count;
	bool has_secondary_gids; /* an empty list was given */
};

struct ssh_key {
	char id[KEY_ID_LENGTH + 1];
	char *body;      /* as DescribeUser shows it: trimmed, runs of white space as one space, comment kept */
	char type[KEY_TYPE_MAX + 1]; /* "ssh-ed25519" */
	char *base64;    /* canonical base64 of the blob: what sshd's %k says */
	double imported; /* seconds since 1970 */
};

struct tag {
	char *key, *value;
};

struct user_record {
	char server_id[SERVER_ID_LENGTH + 1];
	char user_name[USER_NAME_MAX + 1];
	char *role;
	char *home_directory;
	enum home_type home_type;
	struct mapping *mappings;
	size_t mapping_count;
	char *policy;
	bool has_profile;
	struct posix_profile profile;
	struct ssh_key *keys;
	size_t key_count;
	struct tag *tags;
	size_t tag_count;
};

struct server_record {
	char server_id[SERVER_ID_LENGTH + 1];
	bool online;
	size_t user_count; /* filled in by the store when it describes or lists */
	char *settings;    /* JSON object: what DescribeServer echoes of CreateServer (Domain, Protocols …) */
	struct tag *tags;
	size_t tag_count;
};

/* record_home_type_name: "PATH", "LOGICAL", or NULL for HOME_NOT_GIVEN. */
const char *record_home_type_name(enum home_type type);

void record_free_user(struct user_record *user); /* the struct itself is the caller's */
void record_free_server(struct server_record *server);
void record_free_mappings(struct mapping *mappings, size_t count);
void record_free_key(struct ssh_key *key);
void record_free_tags(struct tag *tags, size_t count);

/*
 * user_change: what an UpdateUser call brings. given_* says which members; a given member with NULL (or no mappings)
 * is cleared, as the service does for an empty string.
 */
struct user_change {
	char server_id[SERVER_ID_LENGTH + 1];
	char user_name[USER_NAME_MAX + 1];
	bool given_role, given_home_directory, given_home_type, given_mappings, given_policy, given_profile;
	struct user_record values; /* only the given members count */
};

#endif
