#include "admin_cmd/status/status.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/flags.h"
#include "common/host/paths.h"

static const char usage[] =
    "usage: berth status [FLAG ...]\n"
    "\n"
    "How the agent is doing: what it is asked, how it answers, and how quickly.\n"
    "\n"
    "  --config FILE             default: " BERTH_CONFIG_FILE "\n"
    "  --output json|text|table  default: table, for people\n"
    "\n"
    "Exit status: 0 the agent answers, 1 it doesn't or is of another version, 252 wrong flags, 255 failure.\n";

/* what_is_wrong: by agent_status_ask()'s errno. */
static const char *
what_is_wrong(int problem)
{
	switch (problem) {
	case ENOENT:
		return "there is no agent: " BERTH_SOCKET " isn't there";
	case ECONNREFUSED:
		return "there is no agent: nobody listens on " BERTH_SOCKET;
	case ETIMEDOUT:
	case EAGAIN:
		return "the agent doesn't answer: it is stopped, stuck or just being started";
	case EPERM:
		return "who listens on " BERTH_SOCKET " isn't the agent: the socket wasn't made by root";
	case EPROTO:
		return "what it answers isn't this version's: restart the agent";
	case EBUSY:
		return "the agent has too many connections of this user";
	case EACCES:
		return "only root and the configuration's User may ask";
	default:
		return strerror(problem);
	}
}

static int
say_no_agent(int problem)
{
	fprintf(stderr, STATUS_COMMAND ": %s\n", what_is_wrong(problem));
	return problem == EACCES ? COMMAND_FAILED : COMMAND_FAULTS;
}

/* camel_case: "latency_p50_us" becomes LatencyP50Us. False for what is no name. */
static bool
camel_case(const char *name, char to[STATUS_NAME_MAX + 1])
{
	bool begins = true;

	if (!islower((unsigned char)*name))
		return false;
	for (; *name != '\0'; name++) {
		if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_')
			return false;
		if (*name != '_')
			*to++ = begins ? (char)toupper((unsigned char)*name) : *name;
		begins = *name == '_';
	}
	*to = '\0';
	return true;
}

static int
add_counts(cJSON *response, const struct host_status *status)
{
	char name[STATUS_NAME_MAX + 1];

	if (status->users >= 0 && cJSON_AddNumberToObject(response, status->users_cached ? "UsersCached" : "Users",
	    (double)status->users) == NULL)
		return -1;
	if (status->sessions >= 0 && cJSON_AddNumberToObject(response, "Sessions", (double)status->sessions) == NULL)
		return -1;
	for (size_t i = 0; i < status->agent.count; i++) {
		const struct agent_metric *metric = &status->agent.metrics[i];

		if (camel_case(metric->name, name) && cJSON_GetObjectItemCaseSensitive(response, name) == NULL &&
		    cJSON_AddNumberToObject(response, name, (double)metric->value) == NULL)
			return -1;
	}
	return 0;
}

static cJSON *
as_object(const struct host_status *status)
{
	cJSON *response = cJSON_CreateObject();

	if (cJSON_AddStringToObject(response, "Version", status->agent.version) != NULL &&
	    cJSON_AddStringToObject(response, "ServerId", status->agent.server_id) != NULL &&
	    cJSON_AddStringToObject(response, "Store", status->agent.store) != NULL && add_counts(response, status) == 0)
		return response;
	cJSON_Delete(response);
	return NULL;
}

/* print_members: a line each, its name and its value between a tab. */
static int
print_members(const cJSON *response)
{
	const cJSON *member;
	char *text;

	cJSON_ArrayForEach(member, response) {
		if ((text = output_scalar(member)) == NULL)
			return -1;
		printf("%s\t%s\n", member->string, text);
		free(text);
	}
	return 0;
}

static int
print(const struct host_status *status, enum output_format format)
{
	cJSON *response;
	int result;

	if (format != OUTPUT_JSON && format != OUTPUT_TEXT)
		return status_print_page(status);
	if ((response = as_object(status)) == NULL)
		return -1;
	result = format == OUTPUT_JSON ? output_json(stdout, response) : print_members(response);
	cJSON_Delete(response);
	return result;
}

static int
run(const struct command_globals *globals)
{
	static struct host_status status;

	if (agent_status_ask(&status.agent) == -1)
		return say_no_agent(errno);
	status_count(globals->config_file, &status);
	if (print(&status, globals->output) == -1) {
		fputs(STATUS_COMMAND ": no memory\n", stderr);
		return COMMAND_FAILED;
	}
	if (output_flush() == -1)
		return COMMAND_FAILED;
	if (strcmp(status.agent.version, BERTH_VERSION) == 0)
		return COMMAND_OK;
	fputs(STATUS_COMMAND ": the agent is of another version than this command, " BERTH_VERSION ": restart it\n", stderr);
	return COMMAND_FAULTS;
}

int
status_command(int argc, char **argv, struct command_globals *globals)
{
	static const struct option options[] = {
		FLAGS_OF_ALL,
		{ NULL, 0, NULL, 0 },
	};
	static const struct flags flags = { STATUS_COMMAND, usage, "unknown option ", options, NULL };
	int result = flags_read(&flags, argc, argv, globals, NULL);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (optind < argc)
		return flags_wrong(&flags, "Unknown options: ", argv[optind]);
	return run(globals);
}
