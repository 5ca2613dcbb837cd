#include "common/model/operations.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/model/operation.h"
#include "common/model/shapes.h"

int
operation_respond(cJSON **response, struct api_error *error, const char *const *members)
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

int
operation_respond_with(cJSON *response, const char *name, cJSON *item, struct api_error *error)
{
	if (item != NULL && response != NULL && cJSON_AddItemToObject(response, name, item))
		return 0;
	cJSON_Delete(item);
	return api_fail_memory(error);
}

int
operation_make_id(const char *prefix, char *id, size_t size, struct api_error *error)
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

enum effect { READS, WRITES, MAKES_STORE };

static const struct operation {
	const char *name;
	operation_run *run;
	enum effect effect;
	operation_check *check; /* what of the rules is this host's own, for a store kept elsewhere; NULL: nothing */
} OPERATIONS[OPERATION_COUNT] = {
	{ "CreateServer", operation_create_server, MAKES_STORE, NULL },
	{ "DescribeServer", operation_describe_server, READS, NULL },
	{ "UpdateServer", operation_update_server, WRITES, NULL },
	{ "DeleteServer", operation_delete_server, WRITES, NULL },
	{ "ListServers", operation_list_servers, READS, NULL },
	{ "StartServer", operation_start_server, WRITES, NULL },
	{ "StopServer", operation_stop_server, WRITES, NULL },
	{ "CreateUser", operation_create_user, WRITES, operation_check_create_user },
	{ "UpdateUser", operation_update_user, WRITES, operation_check_update_user },
	{ "DescribeUser", operation_describe_user, READS, NULL },
	{ "DeleteUser", operation_delete_user, WRITES, NULL },
	{ "ListUsers", operation_list_users, READS, NULL },
	{ "ImportSshPublicKey", operation_import_ssh_public_key, WRITES, operation_check_import_ssh_public_key },
	{ "DeleteSshPublicKey", operation_delete_ssh_public_key, WRITES, NULL },
	{ "TagResource", operation_tag_resource, WRITES, NULL },
	{ "UntagResource", operation_untag_resource, WRITES, NULL },
	{ "ListTagsForResource", operation_list_tags_for_resource, READS, NULL },
	{ "TestIdentityProvider", operation_test_identity_provider, READS, NULL },
};

int
operation_number(const char *name)
{
	for (int i = 0; i < OPERATION_COUNT; i++)
		if (strcmp(OPERATIONS[i].name, name) == 0)
			return i;
	return -1;
}

const char *
operation_name(int number)
{
	return OPERATIONS[number].name;
}

bool
operation_writes(const char *name)
{
	int number = operation_number(name);

	return number >= 0 && OPERATIONS[number].effect != READS;
}

bool
operation_makes_store(const char *name)
{
	int number = operation_number(name);

	return number >= 0 && OPERATIONS[number].effect == MAKES_STORE;
}

/*
 * On a store kept elsewhere: what makes a record that this host's floors and rules refuse isn't written from here, whatever
 * the other side would say; all else is for it to judge.
 */
static int
call_elsewhere(const struct operation_context *context, const struct operation *operation, const cJSON *request,
    cJSON **response, struct api_error *error)
{
	if (context->with_users)
		return api_fail(error, API_INVALID_REQUEST, "The store is kept elsewhere: there the users of a server "
		    "aren't deleted with it; delete them first, one by one");
	if (operation->check != NULL && operation->check(context, request, error) == -1)
		return -1;
	return store_call(context->store, operation->name, request, response, error);
}

int
operation_call(const struct operation_context *context, const char *name, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	int number = operation_number(name);

	*response = NULL;
	if (number < 0)
		return api_fail(error, API_UNKNOWN_OPERATION, "There is no operation %.100s", name);
	if (!cJSON_IsObject(request))
		return api_fail(error, API_SERIALIZATION, "The request is no JSON object");
	if (shapes_check(shapes_request(name), request, error) == -1)
		return -1;
	if (store_is_remote(context->store))
		return call_elsewhere(context, &OPERATIONS[number], request, response, error);
	if (OPERATIONS[number].run(context, request, response, error) == 0)
		return 0;
	cJSON_Delete(*response);
	*response = NULL;
	return -1;
}
