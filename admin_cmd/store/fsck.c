/*
 * berth fsck: whether the store is sound, and making it so.
 */
#include <stdint.h>
#include <stdio.h>

#include "admin_cmd/local_store.h"
#include "admin_cmd/store/store_command.h"

static const char usage[] =
    "usage: berth fsck [--repair] [FLAG ...]\n"
    "\n"
    "Checks the whole store while the agent and others use it, and prints a line for each fault.\n"
    "\n"
    "  --repair            keep what is sound; what was there before is copied beside the store\n"
    "  --config FILE       default: /etc/berth/berth.conf\n"
    "  --output json|text  default: text\n"
    "\n"
    "Exit status: 0 sound, 1 faults, 252 wrong flags, 255 it could not be checked.\n";

static void
print_count(uint64_t count, const char *what, const char *after)
{
	printf("%llu %s%s%s", (unsigned long long)count, what, count == 1 ? "" : "s", after);
}

static void
print_counts(const struct store_findings *findings)
{
	print_count(findings->servers, "server", ", ");
	print_count(findings->users, "user", ", ");
	print_count(findings->faults, "fault", ", ");
	print_count(findings->warnings, "warning", "\n");
}

static void
print_json_end(struct store_command *command, const struct store_findings *findings, bool well, const char *kept)
{
	cJSON *string = cJSON_CreateString(kept);
	char *text = cJSON_PrintUnformatted(string);

	printf("%s],\n    \"ServerCount\": %llu,\n    \"UserCount\": %llu", command->reported == 0 ? "" : "\n    ",
	    (unsigned long long)findings->servers, (unsigned long long)findings->users);
	printf(",\n    \"FaultCount\": %llu,\n    \"WarningCount\": %llu", (unsigned long long)findings->faults,
	    (unsigned long long)findings->warnings);
	printf(",\n    \"Complete\": %s,\n    \"Kept\": %s\n}\n", well ? "true" : "false", text == NULL ? "\"\"" : text);
	cJSON_free(text);
	cJSON_Delete(string);
}

/* Returns 0 with what is wrong now in *findings. */
static int
repair(struct store_command *command, struct store_findings *findings, char *kept, struct api_error *error)
{
	struct store_findings before;

	if (store_repair(command->config.store, &command->care, &before, kept, error) == -1)
		return -1;
	*findings = before;
	if (before.faults == 0)
		return 0;
	if (command->globals->output != OUTPUT_JSON)
		printf("repaired; the store as it was is %s\n", kept);
	return store_check(command->config.store, &command->care, findings, error);
}

static int
run(struct store_command *command)
{
	struct store_findings findings = { 0 };
	struct api_error error = { .code = API_OK };
	bool json = command->globals->output == OUTPUT_JSON;
	char kept[PATH_MAX] = "";
	int result;

	if (json)
		fputs("{\n    \"Faults\": [", stdout);
	if (command->flag_given)
		result = repair(command, &findings, kept, &error);
	else
		result = store_check(command->config.store, &command->care, &findings, &error);
	store_command_clear(command);
	if (json)
		print_json_end(command, &findings, result == 0, kept);
	else if (result == 0)
		print_counts(&findings);
	if (output_flush() == -1)
		return COMMAND_FAILED;
	if (result == 0)
		return findings.faults == 0 ? COMMAND_OK : COMMAND_FAULTS;
	store_command_fail(command, &error);
	return COMMAND_FAILED;
}

int
fsck_command(int argc, char **argv, struct command_globals *globals)
{
	struct store_command command = { .name = "berth fsck", .usage = usage, .flag = "repair" };
	bool go_on;
	int result = store_command_read(&command, argc, argv, globals, &go_on);

	if (go_on)
		result = local_store_become(command.name, &command.config) == 0 ? run(&command) : COMMAND_FAILED;
	store_command_free(&command);
	return result;
}
