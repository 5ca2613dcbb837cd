/*
 * Access keys from and to JSON: {"Version":1,"AccessKeys":[{"AccessKeyId":…,"SecretAccessKey":…,"Status":"Active",
 * "CreateDate":…,"Description":…,"Allow":[…],"Servers":[…],"Rate":…}]}. The last four may be absent; what is unknown,
 * null or empty is refused, so that no restriction is ever passed over. For access_keys.c and who shows keys.
 */
#ifndef BERTH_ACCESS_KEYS_JSON_H
#define BERTH_ACCESS_KEYS_JSON_H

#include <cjson/cJSON.h>

#include "common/store/access_keys.h"
#include "common/store/access_keys_file.h"

/* access_keys_json_read: hostile input; `path` stands for the file in messages. Returns 0, or -1 with *error; either way
 * access_keys_free() releases what was read. */
int access_keys_json_read(const char *path, const struct access_keys_text *text, struct access_keys *keys,
    struct api_error *error);
/* access_keys_json_write: a key a line. Returns 0 (release with access_keys_text_free()) or -1. */
int access_keys_json_write(const struct access_keys *keys, struct access_keys_text *text, struct api_error *error);

/* access_keys_json_check: whether the key, written, could be read again. Returns 0 or -1 with API_VALIDATION. */
int access_keys_json_check(const struct access_key *key, struct api_error *error);

/* access_keys_json_restrictions: adds Description, Allow, Servers and Rate, those of them that the key has. False: memory
 * is out. */
bool access_keys_json_restrictions(cJSON *object, const struct access_key *key);
/* access_keys_json_free: overwrites all of its strings first. NULL is fine. */
void access_keys_json_free(cJSON *json);

#endif
