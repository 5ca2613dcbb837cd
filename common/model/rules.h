/*
 * What a record must mean, beyond the shapes: the rules of Berth and of the service. A broken one is API_INVALID_REQUEST;
 * the message names the member, the problem and the rule.
 */
#ifndef BERTH_RULES_H
#define BERTH_RULES_H

#include <cjson/cJSON.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/model/record.h"

/* All of a user's mappings together, as JSON. */
#define MAPPINGS_JSON_MAX (8u * 1024 * 1024)

/* rules_check_name: for a user that is to be created. */
int rules_check_name(const char *user_name, struct api_error *error);

/* rules_expand: path with each ${Transfer:UserName} (any case of "Transfer") replaced; any length of name will do. The
 * caller frees it; NULL when memory is out. */
char *rules_expand(const char *path, const char *user_name);

/* rules_check_members: each given member by itself, and ${Transfer:UserName} expanded in place. */
int rules_check_members(struct user_record *user, const struct config *config, struct api_error *error);

/* rules_check_user: the members of a whole record with each other. Its members have been checked. */
int rules_check_user(const struct user_record *user, struct api_error *error);

/* rules_merge_user: applies the change, whose members have been checked, as UpdateUser does, and checks all of the result:
 * what was stored may have been edited, or the floors raised. On -1 the record is half changed: throw it away. */
int rules_merge_user(const struct user_change *change, const struct config *config, struct user_record *user,
    struct api_error *error);

/* rules_check_tags: no key twice. */
int rules_check_tags(const struct tag *tags, size_t count, struct api_error *error);
/* rules_merge_tags: TagResource: given tags are added or take the place of those with their key; 50 at most when all is
 * done. *tags is reallocated; on -1 it may be half changed: throw it away. rules_remove_tag: UntagResource; that there is
 * none of that key is fine. */
int rules_merge_tags(struct tag **tags, size_t *count, const struct tag *given, size_t given_count, struct api_error *error);
void rules_remove_tag(struct tag *tags, size_t *count, const char *key);

/* rules_check_server: a CreateServer or UpdateServer request that has passed its shape asks for nothing that isn't
 * served. */
int rules_check_server(const cJSON *request, struct api_error *error);

#endif
