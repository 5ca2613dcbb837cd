/*
 * berth admin: an operation of the Transfer API on this host's own store.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/arguments.h"
#include "admin_cmd/command.h"
#include "admin_cmd/paging.h"
#include "admin_cmd/usage.h"
#include "common/host/config.h"
#include "common/host/identity.h"
#include "common/host/passwd_file.h"
#include "common/model/operations.h"

static void
report_fault(void *context, const char *fault)
{
	(void)context;
	fprintf(stderr, "berth admin: %s\n", fault);
}

/* The configuration's ServerId where an operation needs one and none was given. */
static int
default_server_id(const struct arguments *arguments, const struct config *config)
{
	int result = arguments_missing(arguments, config->server_id == NULL);
	bool wanted = false;

	for (size_t i = 0; i < arguments->operation->flag_count; i++)
		wanted |= strcmp(arguments->operation->flags[i].member, "ServerId") == 0;
	if (result != COMMAND_OK || !wanted || cJSON_GetObjectItemCaseSensitive(arguments->request, "ServerId") != NULL)
		return result;
	if (cJSON_AddStringToObject(arguments->request, "ServerId", config->server_id) != NULL)
		return COMMAND_OK;
	fputs("berth admin: no memory\n", stderr);
	return COMMAND_FAILED;
}

/*
 * warn_of_clash: what was written is right, and yet nobody will log in with it: the agent serves no record that has the
 * name or the uid of an account of this host.
 */
static void
warn_of_clash(const cJSON *request, const struct config *config)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "UserName");
	const cJSON *profile = cJSON_GetObjectItemCaseSensitive(request, "PosixProfile");
	const cJSON *uid = cJSON_GetObjectItemCaseSensitive(profile, "Uid");
	uint32_t id = cJSON_IsNumber(uid) ? (uint32_t)uid->valuedouble : ID_NONE;
	bool name_taken, uid_taken;

	if (!cJSON_IsString(name) || passwd_file_find(name->valuestring, id, &name_taken, &uid_taken) != 0)
		return;
	if (name_taken)
		fprintf(stderr, "berth admin: warning: UserName %s stands in this host's /etc/passwd: such a record is not served "
		    "here\n", name->valuestring);
	if (uid_taken && !config_shares_uid(config, id))
		fprintf(stderr, "berth admin: warning: Uid %u stands in this host's /etc/passwd: such a record is not served here "
		    "unless ShareUid %u is set\n", id, id);
}

static int
call(const struct operation_context *context, const struct arguments *arguments, const struct command_globals *globals)
{
	const struct admin_operation *operation = arguments->operation;
	struct api_error error = { .code = API_OK };
	cJSON *response = NULL;
	int result;

	if (operation->list_member != NULL)
		result = paging_call(context, arguments, &response, &error);
	else
		result = operation_call(context, operation->api_name, arguments->request, &response, &error);
	if (result == -1) {
		fprintf(stderr, "\nAn error occurred (%s) when calling the %s operation: %s\n", api_error_name(error.code),
		    operation->api_name, error.message);
		return COMMAND_REFUSED;
	}
	if (strcmp(operation->api_name, "CreateUser") == 0 || strcmp(operation->api_name, "UpdateUser") == 0)
		warn_of_clash(arguments->request, context->config);
	if (response != NULL && output_response(globals->output, operation->api_name, response) == -1)
		result = -1;
	cJSON_Delete(response);
	return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/*
 * The store lies in a directory of the configuration's User. What root opened there by name, that user could have made a
 * link to any file of the host; and a store that root made, the agent couldn't open. So from here on this process is that
 * user.
 */
static int
become_store_user(const struct config *config)
{
	if (identity_become(config->user) == 0)
		return 0;
	if (errno == EPERM)
		fprintf(stderr, "berth admin: User %s: it must be neither root nor of root's group\n", config->user);
	else if (errno == ENOENT)
		fprintf(stderr, "berth admin: User %s: /etc/passwd has no such user\n", config->user);
	else
		fprintf(stderr, "berth admin: can't become User %s: %s\n", config->user, strerror(errno));
	return -1;
}

static int
run(const struct arguments *arguments, const struct config *config, const struct command_globals *globals)
{
	enum store_mode mode = operation_makes_store(arguments->operation->api_name) ? STORE_CREATE : STORE_WRITE;
	struct operation_context context = { .config = config };
	struct api_error error = { .code = API_OK };
	int result;

	if (become_store_user(config) == -1)
		return COMMAND_FAILED;
	if (store_open(config->store, mode, &context.store, &error) == -1) {
		fprintf(stderr, "berth admin: %s\n", error.message);
		return COMMAND_FAILED;
	}
	result = call(&context, arguments, globals);
	store_close(context.store);
	return result;
}

static int
run_operation(const struct admin_operation *operation, int argc, char **argv, struct command_globals *globals)
{
	struct config config = { .store = NULL };
	struct arguments arguments;
	int result;

	if ((result = arguments_read(operation, argc, argv, globals, &arguments)) != COMMAND_OK)
		goto out;
	if (arguments.help || globals->help) {
		usage_operation(stdout, operation);
		result = output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
		goto out;
	}
	if ((result = arguments_missing(&arguments, false)) != COMMAND_OK)
		goto out;
	if (config_load(&config, globals->config_file, report_fault, NULL) == -1) {
		result = COMMAND_FAILED;
		goto out;
	}
	if ((result = default_server_id(&arguments, &config)) != COMMAND_OK)
		goto out;
	result = run(&arguments, &config, globals);
out:
	config_free(&config);
	arguments_free(&arguments);
	return result;
}

int
admin_command(int argc, char **argv, struct command_globals *globals)
{
	int first = command_globals_read("berth admin", argc, argv, false, globals);
	const struct admin_operation *operation;

	if (first < 0) {
		usage_admin(stderr);
		return COMMAND_USAGE;
	}
	if (globals->help || (first < argc && strcmp(argv[first], "help") == 0)) {
		usage_admin(stdout);
		return output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
	}
	if (first == argc) {
		usage_admin(stderr);
		return COMMAND_USAGE;
	}
	if ((operation = operation_table_find(argv[first])) == NULL) {
		usage_admin(stderr);
		fprintf(stderr, "\nberth admin: error: there is no operation \"%s\"\n", argv[first]);
		return COMMAND_USAGE;
	}
	return run_operation(operation, argc - first, argv + first, globals);
}
