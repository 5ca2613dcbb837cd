/* Users and their keys. */
#include <stdio.h>
#include <stdlib.h>

#include "common/model/keys.h"
#include "common/model/operation.h"
#include "common/model/page.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/timestamp.h"

static int
read_key(const struct operation_context *context, const char *body, struct ssh_key *key, struct api_error *error)
{
	if (keys_parse(body, context->config->min_rsa_bits, key, error) == -1)
		return -1;
	if (operation_make_id("key-", key->id, sizeof(key->id), error) == -1) {
		record_free_key(key);
		return -1;
	}
	key->imported = timestamp_now();
	return 0;
}

static int
visit_user(void *context, const struct listed_user *user)
{
	struct page *page = context;

	if (page_full(page))
		return 1;
	return page_add(page, user->user_name,
	    record_json_listed_user(page->server_id, user, page->context->config, page->error));
}

/* The key that CreateUser may bring. */
static int
read_first_key(const struct operation_context *context, const char *body, struct user_record *user,
    struct api_error *error)
{
	struct ssh_key key = { 0 };

	if (read_key(context, body, &key, error) == -1)
		return -1;
	user->keys = malloc(sizeof(key));
	if (user->keys == NULL) {
		record_free_key(&key);
		return api_fail_memory(error);
	}
	user->keys[0] = key;
	user->key_count = 1;
	return 0;
}

/* CreateUser's record, by all its rules. Either way record_free_user() releases it. */
static int
read_new_user(const struct operation_context *context, const cJSON *request, struct user_record *user,
    struct api_error *error)
{
	const char *body = record_json_string(request, "SshPublicKeyBody");

	if (record_json_read_user(request, user, error) == -1 || rules_check_name(user->user_name, error) == -1 ||
	    rules_check_tags(user->tags, user->tag_count, error) == -1 ||
	    rules_check_members(user, context->config, error) == -1 || rules_check_user(user, error) == -1)
		return -1;
	return body == NULL ? 0 : read_first_key(context, body, user, error);
}

int
operation_check_create_user(const struct operation_context *context, const cJSON *request, struct api_error *error)
{
	struct user_record user;
	int result = read_new_user(context, request, &user, error);

	record_free_user(&user);
	return result;
}

int
operation_create_user(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct user_record user;
	int result = -1;

	if (read_new_user(context, request, &user, error) == 0 &&
	    operation_respond(response, error,
	        (const char *const[]){ "ServerId", user.server_id, "UserName", user.user_name, NULL }) == 0)
		result = store_create_user(context->store, &user, error);
	record_free_user(&user);
	return result;
}

/* A store_merge_user; its context is the operation's. */
static int
merge_user(const void *context, const struct user_change *change, struct user_record *user, struct api_error *error)
{
	const struct operation_context *operation = context;

	return rules_merge_user(change, operation->config, user, error);
}

/* The merged record is for the store to judge: it alone has the other half. */
int
operation_check_update_user(const struct operation_context *context, const cJSON *request, struct api_error *error)
{
	struct user_change change;
	int result = -1;

	if (record_json_read_change(request, &change, error) == 0)
		result = rules_check_members(&change.values, context->config, error);
	record_free_user(&change.values);
	return result;
}

int
operation_update_user(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct user_change change;
	int result = -1;

	if (record_json_read_change(request, &change, error) == 0 &&
	    rules_check_members(&change.values, context->config, error) == 0 &&
	    operation_respond(response, error,
	        (const char *const[]){ "ServerId", change.server_id, "UserName", change.user_name, NULL }) == 0)
		result = store_update_user(context->store, &change, merge_user, context, error);
	record_free_user(&change.values);
	return result;
}

int
operation_describe_user(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	struct user_record user;
	cJSON *described;

	if (store_describe_user(context->store, server_id, record_json_string(request, "UserName"), &user, error) == -1)
		return -1;
	described = record_json_described_user(&user, context->config, error);
	record_free_user(&user);
	if (described == NULL ||
	    operation_respond(response, error, (const char *const[]){ "ServerId", server_id, NULL }) == -1) {
		cJSON_Delete(described);
		return -1;
	}
	return operation_respond_with(*response, "User", described, error);
}

int
operation_delete_user(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return store_delete_user(context->store, record_json_string(request, "ServerId"),
	    record_json_string(request, "UserName"), error);
}

int
operation_list_users(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	char kind[SERVER_ID_LENGTH + 8];
	struct page page;
	int walked;

	snprintf(kind, sizeof(kind), "u %s", server_id);
	if (page_begin(&page, context, request, kind, pattern_user_name, error) == -1)
		return -1;
	page.server_id = server_id;
	walked = store_list_users(context->store, server_id, page.resumed ? page.last : NULL, page.room + 1, visit_user,
	    &page, error);
	return page_end(&page, walked, "ServerId", server_id, "Users", response);
}

int
operation_check_import_ssh_public_key(const struct operation_context *context, const cJSON *request,
    struct api_error *error)
{
	struct ssh_key key;

	if (read_key(context, record_json_string(request, "SshPublicKeyBody"), &key, error) == -1)
		return -1;
	record_free_key(&key);
	return 0;
}

int
operation_import_ssh_public_key(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	const char *user_name = record_json_string(request, "UserName");
	struct ssh_key key;
	int result = -1;

	if (read_key(context, record_json_string(request, "SshPublicKeyBody"), &key, error) == -1)
		return -1;
	if (operation_respond(response, error,
	        (const char *const[]){ "ServerId", server_id, "SshPublicKeyId", key.id, "UserName", user_name, NULL }) == 0)
		result = store_import_key(context->store, server_id, user_name, &key, error);
	record_free_key(&key);
	return result;
}

int
operation_delete_ssh_public_key(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return store_delete_key(context->store, record_json_string(request, "ServerId"),
	    record_json_string(request, "UserName"), record_json_string(request, "SshPublicKeyId"), error);
}
