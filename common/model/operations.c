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

static const struct operation {
	const char *name;
	operation_run *run;
	bool makes_store;
} OPERATIONS[] = {
	{ "CreateServer", operation_create_server, true },
	{ "DescribeServer", operation_describe_server, false },
	{ "UpdateServer", operation_update_server, false },
	{ "DeleteServer", operation_delete_server, false },
	{ "ListServers", operation_list_servers, false },
	{ "StartServer", operation_start_server, false },
	{ "StopServer", operation_stop_server, false },
	{ "CreateUser", operation_create_user, false },
	{ "UpdateUser", operation_update_user, false },
	{ "DescribeUser", operation_describe_user, false },
	{ "DeleteUser", operation_delete_user, false },
	{ "ListUsers", operation_list_users, false },
	{ "ImportSshPublicKey", operation_import_ssh_public_key, false },
	{ "DeleteSshPublicKey", operation_delete_ssh_public_key, false },
	{ "TagResource", operation_tag_resource, false },
	{ "UntagResource", operation_untag_resource, false },
	{ "ListTagsForResource", operation_list_tags_for_resource, false },
	{ "TestIdentityProvider", operation_test_identity_provider, false },
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
		return api_fail(error, API_UNKNOWN_OPERATION, "There is no operation %.100s", name);
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
