/*
 * berth admin: an operation of the Transfer API on this host's store, wherever that is kept.
 */
#include <stdio.h>
#include <string.h>

#include "admin_cmd/admin/arguments.h"
#include "admin_cmd/command.h"
#include "admin_cmd/local_store.h"
#include "admin_cmd/output_list.h"
#include "admin_cmd/admin/paging.h"
#include "admin_cmd/admin/request.h"
#include "admin_cmd/admin/skeleton.h"
#include "admin_cmd/admin/usage.h"
#include "admin_cmd/admin/value.h"
#include "common/host/passwd_file.h"
#include "common/model/operations.h"
#include "common/model/record_json.h"

#define ADMIN "berth admin"

int
admin_refused(const char *api_name, const struct api_error *error)
{
	fprintf(stderr, "\nAn error occurred (%s) when calling the %s operation: %s\n", api_error_name(error->code),
	    api_name, error->message);
	return COMMAND_REFUSED;
}

/* The configuration's ServerId where an operation needs one and none was given. */
static int
default_server_id(const struct arguments *arguments, const struct config *config)
{
	if (value_member_shape(shapes_request(arguments->operation->api_name), "ServerId") == NULL ||
	    record_json_member(arguments->request, "ServerId") != NULL || config->server_id == NULL)
		return COMMAND_OK;
	cJSON_DeleteItemFromObjectCaseSensitive(arguments->request, "ServerId"); /* a null, which is as good as none */
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
		fprintf(stderr, "berth admin: warning: UserName %s stands in this host's /etc/passwd: "
		    "such a record is not served here\n", name->valuestring);
	if (uid_taken && !config_shares_uid(config, id))
		fprintf(stderr, "berth admin: warning: Uid %u stands in this host's /etc/passwd: "
		    "such a record is not served here unless ShareUid %u is set\n", id, id);
}

/* What the operation's answer doesn't say, and who called it should know. */
static void
add_notes(const struct arguments *arguments, const struct config *config)
{
	const char *name = arguments->operation->api_name;

	if (strcmp(name, "CreateUser") == 0 || strcmp(name, "UpdateUser") == 0)
		warn_of_clash(arguments->request, config);
	if (strcmp(name, "StopServer") == 0)
		fputs("berth admin: note: nobody logs in any more; live sessions go on: `berth sessions` lists them, "
		    "`berth sessions end` ends them\n", stderr);
}

/* What the API's refusal can't say: a way out that only the command line has. */
static void
add_hint(const struct operation_context *context, const struct arguments *arguments, const struct api_error *error)
{
	if (strcmp(arguments->operation->api_name, "DeleteServer") == 0 && error->code == API_INVALID_REQUEST &&
	    !store_is_remote(context->store))
		fputs("berth admin: note: --force deletes the users too\n", stderr);
}

static int
call(const struct operation_context *context, const struct arguments *arguments, enum output_format format)
{
	const struct admin_operation *operation = arguments->operation;
	struct api_error error = { .code = API_OK };
	cJSON *response = NULL;
	int result = 0;

	if (operation_call(context, operation->api_name, arguments->request, &response, &error) == -1) {
		result = admin_refused(operation->api_name, &error);
		add_hint(context, arguments, &error);
		return result;
	}
	add_notes(arguments, context->config);
	if (response != NULL)
		result = output_response(format, operation->api_name, response);
	cJSON_Delete(response);
	return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* A list, printed page by page. */
static int
call_list(const struct operation_context *context, const struct arguments *arguments, enum output_format format)
{
	const struct admin_operation *operation = arguments->operation;
	struct output_list list = { .format = format, .title = operation->api_name, .member = operation->list_member };
	struct paging paging = { .context = context, .arguments = arguments };
	struct api_error error = { .code = API_OK };
	int result = COMMAND_OK, got;
	cJSON *page;

	while (result == COMMAND_OK && (got = paging_next(&paging, &page, &error)) != 0) {
		if (got == -1)
			result = admin_refused(operation->api_name, &error);
		else if (output_list_page(&list, page) == -1)
			result = COMMAND_FAILED;
	}
	if (result == COMMAND_OK && output_list_end(&list, paging.token) == -1)
		result = COMMAND_FAILED;
	output_list_free(&list);
	paging_free(&paging);
	return result;
}

static int
run(const struct arguments *arguments, const struct config *config, enum output_format format)
{
	enum store_mode mode = operation_makes_store(arguments->operation->api_name) ? STORE_CREATE : STORE_WRITE;
	struct operation_context context = { .config = config, .with_users = arguments->force };
	int result;

	if (local_store_open(ADMIN, config, mode, &context.store) == -1)
		return COMMAND_FAILED;
	if (arguments->operation->list_member != NULL && !arguments->paging.single)
		result = call_list(&context, arguments, format);
	else
		result = call(&context, arguments, format);
	store_close(context.store);
	return result;
}

static int
print_skeleton(const struct shape *shape)
{
	cJSON *skeleton = skeleton_make(shape);
	int result;

	if (skeleton == NULL) {
		fputs("berth admin: no memory\n", stderr);
		return COMMAND_FAILED;
	}
	result = output_response(OUTPUT_JSON, NULL, skeleton);
	cJSON_Delete(skeleton);
	return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int
run_operation(const struct admin_operation *operation, int argc, char **argv, struct command_globals *globals)
{
	const struct shape *shape = shapes_request(operation->api_name);
	struct config config = { .store = NULL };
	struct arguments arguments;
	int result;

	if ((result = arguments_read(operation, argc, argv, globals, &arguments)) != COMMAND_OK)
		goto out;
	if (globals->help) {
		usage_operation(stdout, operation);
		result = output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
		goto out;
	}
	if (arguments.skeleton) {
		result = print_skeleton(shape);
		goto out;
	}
	if ((result = arguments_missing(&arguments, false)) != COMMAND_OK)
		goto out;
	result = COMMAND_FAILED;
	if (local_store_config(ADMIN, globals->config_file, &config) == -1)
		goto out;
	if ((result = arguments_missing(&arguments, config.server_id == NULL)) != COMMAND_OK ||
	    (result = default_server_id(&arguments, &config)) != COMMAND_OK ||
	    (result = request_check(shape, arguments.request)) != COMMAND_OK)
		goto out;
	result = run(&arguments, &config, globals->output);
out:
	config_free(&config);
	arguments_free(&arguments);
	return result;
}

int
admin_command(int argc, char **argv, struct command_globals *globals)
{
	int first = command_globals_read(ADMIN, argc, argv, globals);
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
	if (strcmp(argv[first], "find-users") == 0)
		return find_users_command(argc - first, argv + first, globals);
	if ((operation = operation_table_find(argv[first])) == NULL) {
		usage_admin(stderr);
		fprintf(stderr, "\nberth admin: error: there is no operation \"%s\"\n", argv[first]);
		return COMMAND_USAGE;
	}
	return run_operation(operation, argc - first, argv + first, globals);
}
