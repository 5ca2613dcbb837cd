#include "admin_cmd/store/store_command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/local_store.h"

#define SHOW_EVERY_MS 200

enum { FLAG_CONFIG = 256, FLAG_OUTPUT, FLAG_HELP, FLAG_OWN };

static int
usage_failed(const struct store_command *command, const char *what, const char *word)
{
	fprintf(stderr, "%s\n%s: error: %s%s\n", command->usage, command->name, what, word);
	return COMMAND_USAGE;
}

static int
read_flag(struct store_command *command, struct command_globals *globals, int code, char **argv)
{
	switch (code) {
	case FLAG_CONFIG:
		globals->config_file = optarg;
		return COMMAND_OK;
	case FLAG_OUTPUT:
		if (output_format_parse(optarg, &globals->output) == 0 && globals->output != OUTPUT_TABLE)
			return COMMAND_OK;
		return usage_failed(command, "argument --output: expected json or text, and not ", optarg);
	case FLAG_HELP:
		globals->help = true;
		return COMMAND_OK;
	case FLAG_OWN:
		command->flag_given = true;
		return COMMAND_OK;
	case ':':
		return usage_failed(command, "expected one argument: ", argv[optind - 1]);
	}
	return usage_failed(command, "unknown option ", argv[optind - 1]);
}

static int
read_flags(struct store_command *command, int argc, char **argv, struct command_globals *globals)
{
	const struct option options[] = {
		{ "config", required_argument, NULL, FLAG_CONFIG },
		{ "output", required_argument, NULL, FLAG_OUTPUT },
		{ "help", no_argument, NULL, FLAG_HELP },
		{ command->flag, no_argument, NULL, FLAG_OWN },
		{ NULL, 0, NULL, 0 },
	};
	int code, result = COMMAND_OK;

	opterr = 0;
	optind = 0;
	while (result == COMMAND_OK && (code = getopt_long(argc, argv, ":", options, NULL)) != -1)
		result = read_flag(command, globals, code, argv);
	if (result != COMMAND_OK || globals->help)
		return result;
	if (optind < argc && strcmp(argv[optind], "help") == 0) {
		globals->help = true;
		return COMMAND_OK;
	}
	if (command->takes_file && optind < argc)
		command->file = argv[optind++];
	else if (command->takes_file)
		return usage_failed(command, "the following arguments are required: ", "FILE");
	if (optind < argc)
		return usage_failed(command, "Unknown options: ", argv[optind]);
	return COMMAND_OK;
}

void
store_command_clear(struct store_command *command)
{
	if (command->line_open)
		fputs("\r\033[K", stderr);
	command->line_open = false;
}

static void
show_progress(void *context, const char *step, uint64_t done, uint64_t total)
{
	struct store_command *command = context;
	struct timespec now;

	if (!command->on_terminal || clock_gettime(CLOCK_MONOTONIC, &now) == -1 ||
	    (now.tv_sec - command->shown.tv_sec) * 1000 + (now.tv_nsec - command->shown.tv_nsec) / 1000000 < SHOW_EVERY_MS)
		return;
	command->shown = now;
	if (total > 0)
		fprintf(stderr, "\r%s: %s: %llu of %llu (%llu%%)\033[K", command->name, step, (unsigned long long)done,
		    (unsigned long long)total, (unsigned long long)(done * 100 / total));
	else
		fprintf(stderr, "\r%s: %s: working\033[K", command->name, step);
	command->line_open = true;
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
	int result = read_flags(command, argc, argv, globals);

	*go_on = false;
	if (result != COMMAND_OK)
		return result;
	if (globals->help) {
		fputs(command->usage, stdout);
		return output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
	}
	if (globals->output == OUTPUT_TABLE)
		return usage_failed(command, "argument --output: expected json or text, and not ", "table");
	if (local_store_config(command->name, globals->config_file, &command->config) == -1)
		return COMMAND_FAILED;
	command->globals = globals;
	command->on_terminal = isatty(STDERR_FILENO) == 1;
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
