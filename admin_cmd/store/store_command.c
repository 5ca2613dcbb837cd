#include "admin_cmd/store/store_command.h"

#include <stdio.h>

#include "admin_cmd/flags.h"
#include "admin_cmd/local_store.h"

enum { FLAG_FORM = FLAG_OWN, FLAG_SWITCH }; /* --output, which has no table here, and the command's own */

static int
check_form(const struct flags *flags, const char *name, enum output_format *form)
{
	if (output_format_parse(name, form) == 0 && *form != OUTPUT_TABLE)
		return COMMAND_OK;
	return flags_wrong(flags, "argument --output: expected json or text, and not ", name);
}

static int
take_flag(const struct flags *flags, void *context, int code)
{
	struct store_command *command = context;

	if (code == FLAG_FORM)
		return check_form(flags, optarg, &command->globals->output);
	command->flag_given = true;
	return COMMAND_OK;
}

static int
read_flags(struct store_command *command, int argc, char **argv, struct command_globals *globals)
{
	const struct option options[] = {
		{ "config", required_argument, NULL, FLAG_CONFIG },
		{ "output", required_argument, NULL, FLAG_FORM },
		{ "help", no_argument, NULL, FLAG_HELP },
		{ command->flag, no_argument, NULL, FLAG_SWITCH },
		{ NULL, 0, NULL, 0 },
	};
	const struct flags flags = { command->name, command->usage, "unknown option ", options, take_flag };
	int result = flags_read(&flags, argc, argv, globals, command);

	if (result != COMMAND_OK || globals->help)
		return result;
	if (globals->output == OUTPUT_TABLE) /* said before the command's name */
		return check_form(&flags, "table", &globals->output);
	if (command->takes_file && optind < argc)
		command->file = argv[optind++];
	else if (command->takes_file)
		return flags_wrong(&flags, "the following arguments are required: ", "FILE");
	if (optind < argc)
		return flags_wrong(&flags, "Unknown options: ", argv[optind]);
	return COMMAND_OK;
}

void
store_command_clear(struct store_command *command)
{
	progress_clear(&command->progress);
}

static void
show_progress(void *context, const char *step, uint64_t done, uint64_t total)
{
	struct store_command *command = context;

	progress_step(&command->progress, command->name, step, done, total);
}

static void
print_text(const struct store_fault *fault)
{
	const char *between = "";

	if (fault->warning)
		fputs("warning: ", stdout);
	if (fault->server_id != NULL) {
		printf("server %s", fault->server_id);
		between = " ";
	}
	if (fault->user_name != NULL) {
		printf("%suser %s", between, fault->user_name);
		between = " ";
	}
	if (fault->member != NULL)
		printf("%s%s", between, fault->member);
	printf(": %s", fault->problem);
	if (fault->repair != NULL)
		printf(" (repair: %s)", fault->repair);
	putchar('\n');
}

static void
print_json(const struct store_fault *fault, bool first)
{
	cJSON *object = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(object, "Severity", fault->warning ? "WARNING" : "FAULT");
	if (fault->server_id != NULL)
		cJSON_AddStringToObject(object, "ServerId", fault->server_id);
	if (fault->user_name != NULL)
		cJSON_AddStringToObject(object, "UserName", fault->user_name);
	if (fault->member != NULL)
		cJSON_AddStringToObject(object, "Member", fault->member);
	cJSON_AddStringToObject(object, "Problem", fault->problem);
	if (fault->repair != NULL)
		cJSON_AddStringToObject(object, "Repair", fault->repair);
	text = cJSON_PrintUnformatted(object);
	printf("%s\n        %s", first ? "" : ",", text == NULL ? "{}" : text);
	cJSON_free(text);
	cJSON_Delete(object);
}

static void
report_fault(void *context, const struct store_fault *fault)
{
	struct store_command *command = context;

	store_command_clear(command);
	if (command->globals->output == OUTPUT_JSON)
		print_json(fault, command->reported == 0);
	else
		print_text(fault);
	command->reported++;
}

int
store_command_read(struct store_command *command, int argc, char **argv, struct command_globals *globals, bool *go_on)
{
	int result;

	*go_on = false;
	command->globals = globals;
	result = read_flags(command, argc, argv, globals);
	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(command->usage);
	if (local_store_config(command->name, globals->config_file, &command->config) == -1)
		return COMMAND_FAILED;
	if (local_store_only(command->name, &command->config) == -1)
		return COMMAND_FAILED;
	progress_start(&command->progress, true, 0);
	command->care = (struct store_care){ &command->config, report_fault, show_progress, command };
	*go_on = true;
	return COMMAND_OK;
}

void
store_command_free(struct store_command *command)
{
	config_free(&command->config);
}

int
store_command_fail(struct store_command *command, const struct api_error *error)
{
	store_command_clear(command);
	fprintf(stderr, "%s: %s\n", command->name, error->message);
	return error->code == API_INVALID_REQUEST ? COMMAND_REFUSED : COMMAND_FAILED;
}
