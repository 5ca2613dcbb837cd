/*
 * One operation: what operation_*.c have for each other and for operations.c's table.
 */
#ifndef BERTH_OPERATION_H
#define BERTH_OPERATION_H

#include "common/model/operations.h"

/* Each operation: the request has passed its shape. *response stays NULL when there is none; on -1 the caller frees it. */
typedef int operation_run(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error);

/* What of an operation's rules can be judged by the request and this host's configuration alone. */
typedef int operation_check(const struct operation_context *context, const cJSON *request, struct api_error *error);

operation_check operation_check_create_user, operation_check_update_user, operation_check_import_ssh_public_key;

operation_run operation_create_server, operation_describe_server, operation_update_server, operation_delete_server,
    operation_list_servers, operation_start_server, operation_stop_server, operation_test_identity_provider;
operation_run operation_create_user, operation_update_user, operation_describe_user, operation_delete_user,
    operation_list_users, operation_import_ssh_public_key, operation_delete_ssh_public_key;
operation_run operation_tag_resource, operation_untag_resource, operation_list_tags_for_resource;

/* operation_respond: a response of string members: name, value, name, value … NULL. */
int operation_respond(cJSON **response, struct api_error *error, const char *const *members);
/* operation_respond_with: adds item to response, which owns it either way. Returns 0, or -1 with *error when either is NULL
 * or memory is out. */
int operation_respond_with(cJSON *response, const char *name, cJSON *item, struct api_error *error);

/* operation_make_id: prefix and 17 hexadecimal digits from the kernel's random numbers. */
int operation_make_id(const char *prefix, char *id, size_t size, struct api_error *error);

#endif
