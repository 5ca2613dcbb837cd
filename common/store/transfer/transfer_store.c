/* The store's verbs over a Transfer API, but for the lists (transfer_list.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/store/transfer/transfer_call.h"

struct transfer_store *
transfer_of(struct store *store)
{
	return (struct transfer_store *)store;
}

struct transfer_losses
transfer_losses_of(const struct transfer_store *store)
{
	return (struct transfer_losses){ store->remote->options.lost, store->remote->options.lost_context };
}

int
transfer_ask(struct transfer_store *store, const char *operation, cJSON *request, cJSON **response, struct api_error *error)
{
	int result = request == NULL ? api_fail_memory(error) : transfer_call(store, operation, request, response, error);

	cJSON_Delete(request);
	if (result == -1 && error->code == API_INTERNAL)
		error->code = API_UNAVAILABLE;
	return result;
}

cJSON *
transfer_request(const char *server_id, const char *user_name)
{
	cJSON *request = cJSON_CreateObject();

	if (request != NULL && record_json_add_string(request, "ServerId", server_id) &&
	    record_json_add_string(request, "UserName", user_name))
		return request;
	cJSON_Delete(request);
	return NULL;
}

/* -- one record -------------------------------------------------------------------------------------------------------- */

static int
transfer_describe_server(struct store *store, const char *server_id, struct server_record *server, struct api_error *error)
{
	cJSON *response = NULL;
	int result;

	if (!pattern_server_id(server_id))
		return api_fail_resource(error, API_NOT_FOUND, "Server", server_id);
	if (transfer_ask(transfer_of(store), "DescribeServer", transfer_request(server_id, NULL), &response, error) == -1)
		return -1;
	result = transfer_read_server(server_id, record_json_member(response, "Server"), server, error);
	cJSON_Delete(response);
	return result;
}

static int
transfer_find_server(struct store *store, const char *server_id, bool *online, struct api_error *error)
{
	struct server_record server;

	if (transfer_describe_server(store, server_id, &server, error) == -1)
		return error->code == API_NOT_FOUND ? 0 : -1;
	*online = server.online;
	record_free_server(&server);
	return 1;
}

int
transfer_describe(struct transfer_store *store, const char *server_id, const char *user_name,
    const struct transfer_losses *losses, struct user_record *user, struct api_error *error)
{
	cJSON *response = NULL;
	int result;

	/* Nobody can have such a name: that needn't be asked, nor be sent. */
	if (!pattern_server_id(server_id) || !text_is_utf8(user_name, strlen(user_name), NULL) ||
	    !pattern_user_name(user_name))
		return api_fail_resource(error, API_NOT_FOUND, "User", "");
	if (transfer_ask(store, "DescribeUser", transfer_request(server_id, user_name), &response, error) == -1)
		return -1;
	result = transfer_read_user(server_id, user_name, response, losses, user, error);
	cJSON_Delete(response);
	return result;
}

static int
transfer_describe_user(struct store *store, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error)
{
	const struct transfer_losses losses = transfer_losses_of(transfer_of(store));

	return transfer_describe(transfer_of(store), server_id, user_name, &losses, user, error);
}

static int
transfer_find_by_name(struct store *store, const char *server_id, const char *user_name, struct store_login *login,
    struct api_error *error)
{
	struct user_record user;

	if (transfer_describe(transfer_of(store), server_id, user_name, NULL, &user, error) == -1)
		return error->code == API_NOT_FOUND ? 0 : -1;
	memset(login, 0, sizeof(*login));
	memcpy(login->user_name, user.user_name, sizeof(login->user_name));
	login->has_profile = user.has_profile;
	login->uid = user.profile.uid;
	login->gid = user.profile.gid;
	login->home_type = user.home_type;
	snprintf(login->home_directory, sizeof(login->home_directory), "%s",
	    user.home_directory == NULL ? "" : user.home_directory);
	record_free_user(&user);
	return 1;
}

static int
transfer_read_tags(struct store *store, const char *server_id, const char *user_name, struct tag **tags, size_t *count,
    struct api_error *error)
{
	struct server_record server;
	struct user_record user;

	*tags = NULL;
	*count = 0;
	if (user_name == NULL) {
		if (transfer_describe_server(store, server_id, &server, error) == -1)
			return -1;
		*tags = server.tags;
		*count = server.tag_count;
		server.tags = NULL;
		server.tag_count = 0;
		record_free_server(&server);
		return 0;
	}
	if (transfer_describe_user(store, server_id, user_name, &user, error) == -1)
		return -1;
	*tags = user.tags;
	*count = user.tag_count;
	user.tags = NULL;
	user.tag_count = 0;
	record_free_user(&user);
	return 0;
}

/* -- the store itself -------------------------------------------------------------------------------------------------- */

/* Whether no member's name would act on a terminal. */
static bool
has_plain_names(const cJSON *value)
{
	const cJSON *member;

	if (value != NULL && value->string != NULL && text_has_control(value->string))
		return false;
	cJSON_ArrayForEach(member, value)
		if (!has_plain_names(member))
			return false;
	return true;
}

static int
transfer_store_call(struct store *store, const char *operation, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	if (transfer_call(transfer_of(store), operation, request, response, error) == -1)
		return -1;
	if (has_plain_names(*response))
		return 0;
	cJSON_Delete(*response);
	*response = NULL;
	return api_fail(error, API_UNAVAILABLE, "%.300s answered %s with a member whose name has control characters",
	    transfer_of(store)->remote->url, operation);
}

static void
transfer_close(struct store *store)
{
	struct transfer_store *closed = transfer_of(store);

	http_client_free(closed->client);
	if (closed->own_chain != NULL) {
		transfer_remote_free(closed->remote);
		credential_chain_free(closed->own_chain);
	}
	free(closed);
}

/* What a Transfer API has no call for isn't here. */
static const struct store_operations TRANSFER_OPERATIONS = {
	.close = transfer_close,
	.call = transfer_store_call,
	.describe_server = transfer_describe_server,
	.list_servers = transfer_list_servers,
	.find_server = transfer_find_server,
	.describe_user = transfer_describe_user,
	.list_users = transfer_list_users,
	.find_users = transfer_find_users,
	.read_users = transfer_read_users,
	.read_tags = transfer_read_tags,
	.find_by_name = transfer_find_by_name,
};

int
transfer_open(struct transfer_remote *remote, struct store **store, struct api_error *error)
{
	struct transfer_store *made = calloc(1, sizeof(*made));

	*store = NULL;
	if (made == NULL || (made->client = http_client_new()) == NULL) {
		free(made);
		return api_fail_memory(error);
	}
	made->base.operations = &TRANSFER_OPERATIONS;
	made->remote = remote;
	*store = &made->base;
	return 0;
}

int
transfer_open_own(const struct transfer_options *options, const struct credential_options *credentials,
    struct store **store, struct api_error *error)
{
	struct credential_chain *chain = credential_chain_new(credentials);
	struct transfer_remote *remote = NULL;

	*store = NULL;
	if (chain == NULL)
		return api_fail_memory(error);
	if (transfer_remote_new(options, chain, &remote, error) == 0 && transfer_open(remote, store, error) == 0) {
		transfer_of(*store)->own_chain = chain;
		return 0;
	}
	transfer_remote_free(remote);
	credential_chain_free(chain);
	return -1;
}
