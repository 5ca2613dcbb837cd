/*
 * The configuration's single values: what a path, a name, a number may be. For config_keywords.c.
 *
 * Each takes a word of the file and puts what it says into its target. Returns NULL, or what is wrong with the word, for a
 * report; nothing is logged here. A string in *to is a copy: the one that stood there before is freed, so *to is NULL or
 * allocated at the call, and stays as it was when something is wrong.
 */
#ifndef BERTH_CONFIG_VALUE_H
#define BERTH_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/host/config.h"

#define CONFIG_OUT_OF_MEMORY "out of memory"

const char *config_value_string(char **to, const char *value); /* any */
const char *config_value_yes_no(bool *to, const char *value);
const char *config_value_number(unsigned *to, const char *value, uint32_t min, uint32_t max);
/* config_value_path: absolute, without empty components, "." and "..", and not the root itself. */
const char *config_value_path(char **to, const char *value);
/* config_value_store: "sqlite:" and such a path; or "transfer:" and nothing, or the URL of a Transfer API: https://HOST[:PORT],
 * http:// for this host itself alone. */
#define CONFIG_REMOTE_STORE "transfer:"
const char *config_value_store(char **to, const char *value);
const char *config_value_server_id(char **to, const char *value);
/* config_value_account: a local account's name, by the rule of useradd(8). */
const char *config_value_account(char **to, const char *value);
/* config_value_bucket_name: one component of a path. */
const char *config_value_bucket_name(char **to, const char *value);
const char *config_value_region(char **to, const char *value);
const char *config_value_account_id(char **to, const char *value);
/* config_value_uid: one that a record may have. */
const char *config_value_uid(uint32_t *to, const char *value);
/* config_value_listen: "ADDRESS:PORT", the address a number, of IPv6 in brackets. */
const char *config_value_listen(struct config_listen *to, const char *value);
/* config_value_profile: "UID:GID", each from ID_FLOOR; the configured floors are not looked at. */
const char *config_value_profile(uint32_t *uid, uint32_t *gid, char *value);

#endif
