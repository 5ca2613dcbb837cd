#include "admin_cmd/admin/arguments.h"

#include <stdio.h>
#include <string.h>

#include "admin_cmd/admin/mappings.h"
#include "admin_cmd/admin/request.h"
#include "admin_cmd/admin/scan.h"
#include "admin_cmd/admin/usage.h"
#include "admin_cmd/admin/value.h"
#include "common/model/record_json.h"

/* One flag's words as the request's member. */
static int
add_member(cJSON *request, const struct shape_member *member, const struct given *given, struct api_error *error)
{
	cJSON *value = value_parse(member, given->words, given->count, error);

	if (value == NULL)
		return -1;
	if (cJSON_AddItemToObject(request, member->name, value))
		return 0;
	cJSON_Delete(value);
	return api_fail_memory(error);
}

/* A page that was asked for in the API's own terms stands alone too. */
static int
check_paging(struct arguments *arguments, struct api_error *error)
{
	struct arguments_paging *paging = &arguments->paging;
	char used[64] = "";

	if (arguments->operation->list_member != NULL && (record_json_member(arguments->request, "MaxResults") != NULL ||
	    record_json_member(arguments->request, "NextToken") != NULL))
		paging->single = true;
	if (!paging->single)
		return 0;
	snprintf(used, sizeof(used), "%s%s%s", paging->starting_token != NULL ? ", --starting-token" : "",
	    paging->page_size > 0 ? ", --page-size" : "", paging->max_items > 0 ? ", --max-items" : "");
	if (used[0] == '\0')
		return 0;
	return api_fail(error, API_VALIDATION, "Cannot specify --no-paginate along with pagination arguments: %s", used + 2);
}

static int
make_request(const struct scan *scan, struct arguments *arguments)
{
	cJSON *request = arguments->request = cJSON_CreateObject();
	struct api_error error = { .code = API_OK };
	int result = request == NULL ? api_fail_memory(&error) : 0;

	for (size_t i = 0; scan->members[i].name != NULL && result == 0; i++) {
		if (scan->given[i].words != NULL)
			result = add_member(request, &scan->members[i], &scan->given[i], &error);
	}
	if (result == 0 && arguments->cli_input)
		result = request_add_input(request, scan->cli_input.words[0], &error);
	if (result == 0)
		result = mappings_complete(request, &error);
	if (result == 0)
		result = check_paging(arguments, &error);
	if (result == 0)
		return COMMAND_OK;
	fprintf(stderr, "\n%s\n", error.message);
	return error.code == API_VALIDATION ? COMMAND_USAGE : COMMAND_FAILED;
}

int
arguments_read(const struct admin_operation *operation, int argc, char **argv, struct command_globals *globals,
    struct arguments *arguments)
{
	struct scan scan = { .globals = globals, .arguments = arguments };
	int result;

	*arguments = (struct arguments){ .operation = operation };
	if (argc == 2 && strcmp(argv[1], "help") == 0) {
		globals->help = true;
		return COMMAND_OK;
	}
	if ((result = scan_run(&scan, argc, argv)) != COMMAND_OK)
		goto out;
	arguments->cli_input = scan.cli_input.words != NULL;
	if (scan.skeleton.count > 0 && strcmp(scan.skeleton.words[0], "input") != 0)
		result = usage_error(operation, "argument --generate-cli-skeleton: \"%s\": there is only input",
		    scan.skeleton.words[0]);
	else if (!globals->help)
		result = make_request(&scan, arguments);
out:
	scan_free(&scan);
	return result;
}

void
arguments_free(struct arguments *arguments)
{
	cJSON_Delete(arguments->request);
}

int
arguments_missing(const struct arguments *arguments, bool server_id_too)
{
	char missing[512] = "", name[FLAG_NAME_SIZE];

	if (arguments->cli_input)
		return COMMAND_OK;
	for (const struct shape_member *member = operation_members(arguments->operation); member->name != NULL; member++) {
		if (!member->required || (!server_id_too && strcmp(member->name, "ServerId") == 0) ||
		    cJSON_GetObjectItemCaseSensitive(arguments->request, member->name) != NULL)
			continue;
		flag_name(member->name, name);
		strncat(missing, missing[0] == '\0' ? "--" : ", --", sizeof(missing) - strlen(missing) - 1);
		strncat(missing, name, sizeof(missing) - strlen(missing) - 1);
	}
	if (missing[0] == '\0')
		return COMMAND_OK;
	return usage_error(arguments->operation, "the following arguments are required: %s", missing);
}
