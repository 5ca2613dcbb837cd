/*
 * Records from and to JSON. Requests have passed shapes_check() when they come here.
 */
#ifndef BERTH_RECORD_JSON_H
#define BERTH_RECORD_JSON_H

#include <cjson/cJSON.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/model/record.h"
#include "common/store/store.h"

/* record_json_member: a request's member, or NULL when it is absent or null. */
const cJSON *record_json_member(const cJSON *object, const char *name);
/* record_json_string: a string member's text, or NULL. */
const char *record_json_string(const cJSON *object, const char *name);

/* record_json_add_*: adds to an object (or, without a name, to a list). A NULL string is left out, and is no failure; what
 * can't be added is freed. False: memory is out. */
bool record_json_add_string(cJSON *object, const char *name, const char *value);
bool record_json_add_number(cJSON *object, const char *name, double value);
bool record_json_add_item(cJSON *parent, const char *name, cJSON *item);
bool record_json_add_arn(cJSON *object, const struct config *config, const char *server_id, const char *user_name);
/* record_json_finish: returns object when all went well; else frees it and returns NULL with *error. */
cJSON *record_json_finish(cJSON *object, bool well, struct api_error *error);

/* record_json_read_tags: the object's Tags, if any, for record_free_tags(), on -1 too. record_json_tag, record_json_tags:
 * one and a list as JSON; NULL when memory is out. */
int record_json_read_tags(const cJSON *object, struct tag **tags, size_t *count, struct api_error *error);
cJSON *record_json_tag(const struct tag *tag, struct api_error *error);
cJSON *record_json_tags(const struct tag *tags, size_t count);

/* record_json_read_user: CreateUser's members but the key. record_json_read_change: UpdateUser's. Returns 0, or -1 with
 * *error; either way record_free_user() releases what was read. */
int record_json_read_user(const cJSON *request, struct user_record *user, struct api_error *error);
int record_json_read_change(const cJSON *request, struct user_change *change, struct api_error *error);
/* record_json_read_server: CreateServer's members, with the defaults that DescribeServer shows; record_free_server(). */
int record_json_read_server(const cJSON *request, struct server_record *server, struct api_error *error);
/* record_json_change_server: an UpdateServer request's members into the server's settings; an empty string takes one out. */
int record_json_change_server(const cJSON *request, struct server_record *server, struct api_error *error);

/* The answers' structures, members in the order of the API's model. NULL when memory is out. */
cJSON *record_json_described_user(const struct user_record *user, const struct config *config, struct api_error *error);
cJSON *record_json_listed_user(const char *server_id, const struct listed_user *user, const struct config *config,
    struct api_error *error);
cJSON *
record_json_described_server(const struct server_record *server, const struct config *config, struct api_error *error);
cJSON *record_json_listed_server(const struct server_record *server, const struct config *config, struct api_error *error);

/* HomeDirectoryMappings as the store keeps it: the API's own JSON. write: malloc'ed, NULL when memory is out. read: hostile
 * input; returns 0 with *mappings for record_free_mappings(), or -1 with *error. */
char *record_json_write_mappings(const struct mapping *mappings, size_t count);
int record_json_read_mappings(const char *text, size_t length, struct mapping **mappings, size_t *count,
    struct api_error *error);

#endif
