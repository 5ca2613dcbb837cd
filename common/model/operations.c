#include "common/model/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/shapes.h"

#define PAGE_MAX 1000 /* MaxResults' own bound, and what is listed without it */

/* Each operation: the request has passed its shape. *response stays NULL when there is none. */
typedef int operation_run(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error);

/* A response of string members: name, value, name, value … NULL. */
static int
respond(cJSON **response, struct api_error *error, const char *const *members)
{
	*response = cJSON_CreateObject();
	for (; *response != NULL && members[0] != NULL; members += 2) {
		if (cJSON_AddStringToObject(*response, members[0], members[1]) == NULL) {
			cJSON_Delete(*response);
			*response = NULL;
		}
	}
	return *response == NULL ? api_fail_memory(error) : 0;
}

/* Adds item to response, which owns it either way. Returns 0, or -1 when either is NULL or memory is out. */
static int
respond_with(cJSON *response, const char *name, cJSON *item)
{
	if (item != NULL && response != NULL && cJSON_AddItemToObject(response, name, item))
		return 0;
	cJSON_Delete(item);
	return -1;
}

/* prefix and 17 hexadecimal digits from the kernel's random numbers. */
static int
make_id(const char *prefix, char *id, size_t size, struct api_error *error)
{
	unsigned char random[9];
	char digits[2 * sizeof(random) + 1];
	size_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return api_fail(error, API_UNAVAILABLE, "The kernel gave no random numbers");
	for (i = 0; i < sizeof(random); i++)
		snprintf(digits + 2 * i, 3, "%02x", random[i]);
	snprintf(id, size, "%s%.17s", prefix, digits);
	return 0;
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)(time.tv_nsec / 1000000) / 1000;
}

static int
read_key(const struct operation_context *context, const char *body, struct ssh_key *key, struct api_error *error)
{
	if (keys_parse(body, context->config->min_rsa_bits, key, error) == -1)
		return -1;
	if (make_id("key-", key->id, sizeof(key->id), error) == -1) {
		record_free_key(key);
		return -1;
	}
	key->imported = now();
	return 0;
}

/*
 * Pages. A token says what it continues: "u SERVER NAME" or "s SERVER", in hexadecimal, so that nobody takes it for a name
 * or a number to count with. It holds a key of the order and not a place in it: what comes and goes in between moves
 * nothing.
 */
static int
make_token(cJSON *response, const char *kind, const char *after)
{
	char plain[USER_NAME_MAX + SERVER_ID_LENGTH + 8], token[2 * sizeof(plain) + 1];
	size_t i;

	snprintf(plain, sizeof(plain), "%s %s", kind, after);
	for (i = 0; plain[i] != '\0'; i++)
		snprintf(token + 2 * i, 3, "%02x", (unsigned char)plain[i]);
	return cJSON_AddStringToObject(response, "NextToken", token) == NULL ? -1 : 0;
}

/* What follows `kind` in the request's token, into after; "" without a token. valid judges it. */
static int
read_token(const cJSON *request, const char *kind, bool (*valid)(const char *), char *after, size_t size,
    struct api_error *error)
{
	const char *token = record_json_string(request, "NextToken");
	char plain[USER_NAME_MAX + SERVER_ID_LENGTH + 8];
	size_t i, length, kind_length = strlen(kind);
	unsigned byte;

	after[0] = '\0';
	if (token == NULL)
		return 0;
	length = strlen(token) / 2;
	if (strlen(token) % 2 != 0 || length >= sizeof(plain) || strspn(token, "0123456789abcdef") != strlen(token))
		goto invalid;
	for (i = 0; i < length; i++) {
		if (sscanf(token + 2 * i, "%2x", &byte) != 1)
			goto invalid;
		plain[i] = (char)byte;
	}
	plain[length] = '\0';
	if (strlen(plain) != length || length <= kind_length || strncmp(plain, kind, kind_length) != 0 ||
	    plain[kind_length] != ' ' || !valid(plain + kind_length + 1))
		goto invalid;
	snprintf(after, size, "%s", plain + kind_length + 1);
	return 0;
invalid:
	return api_fail(error, API_INVALID_TOKEN, "NextToken: not one that this list has given out");
}

/* A page while it fills. One more than it holds is asked for: only then there is a next one. */
struct page {
	const struct operation_context *context;
	const char *server_id; /* NULL for a list of servers */
	cJSON *list;
	size_t room;
	bool more;   /* there is a next page */
	bool failed; /* *error is set */
	char last[USER_NAME_MAX + 1];
	struct api_error *error;
};

static size_t
page_size(const cJSON *request)
{
	const cJSON *most = record_json_member(request, "MaxResults");

	return most == NULL ? PAGE_MAX : (size_t)most->valueint;
}

/* Takes item over; NULL is one that could not be made, for the reason in the page's *error. */
static int
page_add(struct page *page, const char *key, cJSON *item)
{
	page->failed = item == NULL;
	if (page->failed)
		return 1;
	if (!cJSON_AddItemToArray(page->list, item)) {
		cJSON_Delete(item);
		page->failed = true;
		api_fail_memory(page->error);
		return 1;
	}
	snprintf(page->last, sizeof(page->last), "%s", key);
	page->room--;
	return 0;
}

static int
visit_user(void *context, const struct listed_user *user)
{
	struct page *page = context;

	page->more = page->room == 0;
	if (page->more)
		return 1;
	return page_add(page, user->user_name,
	    record_json_listed_user(page->server_id, user, page->context->config, page->error));
}

static int
visit_server(void *context, const struct server_record *server)
{
	struct page *page = context;

	page->more = page->room == 0;
	if (page->more)
		return 1;
	return page_add(page, server->server_id, record_json_listed_server(server, page->context->config, page->error));
}

/* Ends the walk that filled the page, and makes its response. kind: of the token, when there is a next page. */
static int
page_respond(struct page *page, int walked, const char *kind, const char *list_name, cJSON **response)
{
	cJSON *list = page->list;

	if (walked == -1 || page->failed) {
		cJSON_Delete(list);
		return -1;
	}
	*response = cJSON_CreateObject();
	if (*response == NULL || (page->more && make_token(*response, kind, page->last) == -1) ||
	    (page->server_id != NULL && cJSON_AddStringToObject(*response, "ServerId", page->server_id) == NULL)) {
		cJSON_Delete(list);
		return api_fail_memory(page->error);
	}
	return respond_with(*response, list_name, list) == 0 ? 0 : api_fail_memory(page->error);
}

static int
create_user(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	const char *body = record_json_string(request, "SshPublicKeyBody");
	struct user_record user;
	struct ssh_key key = { 0 };
	int result = -1;

	if (record_json_read_user(request, &user, error) == -1 || rules_check_name(user.user_name, error) == -1 ||
	    rules_check_tags(user.tags, user.tag_count, error) == -1 ||
	    rules_check_members(&user, context->config, error) == -1 || rules_check_user(&user, error) == -1)
		goto out;
	if (body != NULL) {
		if (read_key(context, body, &key, error) == -1)
			goto out;
		user.keys = malloc(sizeof(key));
		if (user.keys == NULL) {
			record_free_key(&key);
			api_fail_memory(error);
			goto out;
		}
		user.keys[0] = key;
		user.key_count = 1;
	}
	if (respond(response, error,
	        (const char *const[]){ "ServerId", user.server_id, "UserName", user.user_name, NULL }) == 0)
		result = store_create_user(context->store, &user, error);
out:
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

static int
update_user(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	struct user_change change;
	int result = -1;

	if (record_json_read_change(request, &change, error) == 0 &&
	    rules_check_members(&change.values, context->config, error) == 0 &&
	    respond(response, error,
	        (const char *const[]){ "ServerId", change.server_id, "UserName", change.user_name, NULL }) == 0)
		result = store_update_user(context->store, &change, merge_user, context, error);
	record_free_user(&change.values);
	return result;
}

static int
describe_user(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	struct user_record user;
	cJSON *described;

	if (store_describe_user(context->store, server_id, record_json_string(request, "UserName"), &user, error) == -1)
		return -1;
	described = record_json_described_user(&user, context->config, error);
	record_free_user(&user);
	if (described == NULL || respond(response, error, (const char *const[]){ "ServerId", server_id, NULL }) == -1) {
		cJSON_Delete(described);
		return -1;
	}
	return respond_with(*response, "User", described) == 0 ? 0 : api_fail_memory(error);
}

static int
delete_user(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	(void)response;
	return store_delete_user(context->store, record_json_string(request, "ServerId"),
	    record_json_string(request, "UserName"), error);
}

static int
list_users(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	struct page page = { .context = context, .room = page_size(request), .error = error };
	char kind[SERVER_ID_LENGTH + 8], after[USER_NAME_MAX + 1];
	int walked;

	page.server_id = record_json_string(request, "ServerId");
	snprintf(kind, sizeof(kind), "u %s", page.server_id);
	if (read_token(request, kind, pattern_user_name, after, sizeof(after), error) == -1)
		return -1;
	if ((page.list = cJSON_CreateArray()) == NULL)
		return api_fail_memory(error);
	walked = store_list_users(context->store, page.server_id, after[0] == '\0' ? NULL : after, page.room + 1, visit_user,
	    &page, error);
	return page_respond(&page, walked, kind, "Users", response);
}

static int
import_ssh_public_key(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *server_id = record_json_string(request, "ServerId");
	const char *user_name = record_json_string(request, "UserName");
	struct ssh_key key;
	int result = -1;

	if (read_key(context, record_json_string(request, "SshPublicKeyBody"), &key, error) == -1)
		return -1;
	if (respond(response, error,
	        (const char *const[]){ "ServerId", server_id, "SshPublicKeyId", key.id, "UserName", user_name, NULL }) == 0)
		result = store_import_key(context->store, server_id, user_name, &key, error);
	record_free_key(&key);
	return result;
}

static int
delete_ssh_public_key(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	(void)response;
	return store_delete_key(context->store, record_json_string(request, "ServerId"),
	    record_json_string(request, "UserName"), record_json_string(request, "SshPublicKeyId"), error);
}

static int
create_server(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	struct server_record server = { .online = true };
	int result = -1;

	if (rules_check_server(request, error) == -1)
		return -1;
	if (record_json_read_server(request, &server, error) == 0 &&
	    rules_check_tags(server.tags, server.tag_count, error) == 0 &&
	    make_id("s-", server.server_id, sizeof(server.server_id), error) == 0 &&
	    respond(response, error, (const char *const[]){ "ServerId", server.server_id, NULL }) == 0)
		result = store_create_server(context->store, &server, error);
	record_free_server(&server);
	return result;
}

static int
describe_server(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
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
	return respond_with(*response, "Server", described) == 0 ? 0 : api_fail_memory(error);
}

static int
list_servers(const struct operation_context *context, const cJSON *request, cJSON **response, struct api_error *error)
{
	struct page page = { .context = context, .room = page_size(request), .error = error };
	char after[SERVER_ID_LENGTH + 1];
	int walked;

	if (read_token(request, "s", pattern_server_id, after, sizeof(after), error) == -1)
		return -1;
	if ((page.list = cJSON_CreateArray()) == NULL)
		return api_fail_memory(error);
	walked = store_list_servers(context->store, after[0] == '\0' ? NULL : after, page.room + 1, visit_server, &page,
	    error);
	return page_respond(&page, walked, "s", "Servers", response);
}

static const struct operation {
	const char *name;
	operation_run *run;
	bool makes_store;
} OPERATIONS[] = {
	{ "CreateServer", create_server, true },
	{ "DescribeServer", describe_server, false },
	{ "ListServers", list_servers, false },
	{ "CreateUser", create_user, false },
	{ "UpdateUser", update_user, false },
	{ "DescribeUser", describe_user, false },
	{ "DeleteUser", delete_user, false },
	{ "ListUsers", list_users, false },
	{ "ImportSshPublicKey", import_ssh_public_key, false },
	{ "DeleteSshPublicKey", delete_ssh_public_key, false },
};

static const struct operation *
find_operation(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(OPERATIONS) / sizeof(*OPERATIONS); i++)
		if (strcmp(OPERATIONS[i].name, name) == 0)
			return &OPERATIONS[i];
	return NULL;
}

bool
operation_makes_store(const char *name)
{
	const struct operation *operation = find_operation(name);

	return operation != NULL && operation->makes_store;
}

int
operation_call(const struct operation_context *context, const char *name, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const struct operation *operation = find_operation(name);

	*response = NULL;
	if (operation == NULL)
		return api_fail(error, API_INVALID_REQUEST, "There is no operation %.100s", name);
	if (!cJSON_IsObject(request))
		return api_fail(error, API_SERIALIZATION, "The request is no JSON object");
	if (shapes_check(shapes_request(name), request, error) == -1)
		return -1;
	if (operation->run(context, request, response, error) == 0)
		return 0;
	cJSON_Delete(*response);
	*response = NULL;
	return -1;
}
