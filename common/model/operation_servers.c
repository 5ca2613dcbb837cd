/* Servers. */
#include "common/model/operation.h"
#include "common/model/page.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"

static int
visit_server(void *context, const struct server_record *server)
{
	struct page *page = context;

	if (page_full(page))
		return 1;
	return page_add(page, server->server_id, record_json_listed_server(server, page->context->config, page->error));
}

int
operation_create_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct server_record server = { .online = true };
	int result = -1;

	if (rules_check_server(request, error) == -1)
		return -1;
	if (record_json_read_server(request, &server, error) == 0 &&
	    rules_check_tags(server.tags, server.tag_count, error) == 0 &&
	    operation_make_id("s-", server.server_id, sizeof(server.server_id), error) == 0 &&
	    operation_respond(response, error, (const char *const[]){ "ServerId", server.server_id, NULL }) == 0)
		result = store_create_server(context->store, &server, error);
	record_free_server(&server);
	return result;
}

int
operation_describe_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct server_record server;
	cJSON *described;

	if (store_describe_server(context->store, record_json_string(request, "ServerId"), &server, error) == -1)
		return -1;
	described = record_json_described_server(&server, context->config, error);
	record_free_server(&server);
	if (described == NULL)
		return -1;
	*response = cJSON_CreateObject();
	return operation_respond_with(*response, "Server", described, error);
}

int
operation_list_servers(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct page page;
	int walked;

	if (page_begin(&page, context, request, "s", pattern_server_id, error) == -1)
		return -1;
	walked = store_list_servers(context->store, page.resumed ? page.last : NULL, page.room + 1, visit_server, &page,
	    error);
	return page_end(&page, walked, NULL, NULL, "Servers", response);
}

/* A store_merge_server; its context is the request. */
static int
merge_server(const void *request, struct server_record *server, struct api_error *error)
{
	return record_json_change_server(request, server, error);
}

int
operation_update_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");

	if (rules_check_server(request, error) == -1 ||
	    operation_respond(response, error, (const char *const[]){ "ServerId", server_id, NULL }) == -1)
		return -1;
	return store_update_server(context->store, server_id, merge_server, request, error);
}

int
operation_delete_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return store_delete_server(context->store, record_json_string(request, "ServerId"), context->with_users, error);
}

/* A store_merge_server; its context is whether the server shall be ONLINE. */
static int
merge_online(const void *online, struct server_record *server, struct api_error *error)
{
	(void)error;
	server->online = *(const bool *)online;
	return 0;
}

static int
set_online(const struct operation_context *context, const cJSON *request, bool online, struct api_error *error)
{
	return store_update_server(context->store, record_json_string(request, "ServerId"), merge_online, &online, error);
}

/* The state changes at once, and one that is so already is no fault: the states in between don't exist here. */
int
operation_start_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return set_online(context, request, true, error);
}

int
operation_stop_server(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return set_online(context, request, false, error);
}

/* The service tests identity providers that others run. All servers here are SERVICE_MANAGED, and for those it refuses. */
int
operation_test_identity_provider(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	bool online;
	int found = store_find_server(context->store, server_id, &online, error);

	(void)response;
	if (found == 0)
		return api_fail_resource(error, API_NOT_FOUND, "Server", server_id);
	if (found == 1)
		return api_fail(error, API_INVALID_REQUEST,
		    "ServerId: %s is SERVICE_MANAGED, not configured for external auth", server_id);
	return -1;
}
