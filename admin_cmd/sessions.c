/*
 * berth sessions: who is logged in on this host, and ending that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/columns.h"
#include "admin_cmd/flags.h"
#include "common/host/registry.h"

/* How long sshd gets to close a session in order before its processes are killed. */
#define END_GRACE_MS 3000

static const char usage[] =
    "usage: berth sessions [list] [FLAG ...]\n"
    "       berth sessions end USER|ID ...\n"
    "\n"
    "  list                      the live sessions, oldest first\n"
    "  end USER|ID ...           end all sessions of a user, or one session\n"
    "\n"
    "  --output json|text|table  default: table\n";

/* The registry lets only visible ASCII through, so nothing here can disturb a terminal. */
static void
fill_row(const void *context, size_t row, char **cells)
{
	const struct live_session *session = (const struct live_session *)context + row;
	char since[64], uid[16];

	output_time((double)session->since, since, sizeof(since));
	snprintf(uid, sizeof(uid), "%u", session->uid);
	*cells++ = strdup(session->id);
	*cells++ = strdup(session->user);
	*cells++ = strdup(session->server_id);
	*cells++ = strdup(session->client);
	*cells++ = strdup(since);
	*cells = strdup(uid);
}

static const char *const NAMES[] = { "ID", "USER", "SERVER", "CLIENT", "SINCE", "UID" };
static const struct columns COLUMNS = { NAMES, sizeof(NAMES) / sizeof(NAMES[0]), fill_row };

static int
add_session(cJSON *list, const struct live_session *session)
{
	cJSON *item = cJSON_CreateObject();
	char since[64];

	output_time((double)session->since, since, sizeof(since));
	if (!cJSON_AddItemToArray(list, item)) {
		cJSON_Delete(item);
		return -1;
	}
	if (cJSON_AddStringToObject(item, "SessionId", session->id) == NULL ||
	    cJSON_AddStringToObject(item, "UserName", session->user) == NULL ||
	    cJSON_AddStringToObject(item, "ServerId", session->server_id) == NULL ||
	    cJSON_AddStringToObject(item, "Client", session->client) == NULL ||
	    cJSON_AddNumberToObject(item, "ClientPort", session->client_port) == NULL ||
	    cJSON_AddStringToObject(item, "Fingerprint", session->fingerprint) == NULL ||
	    cJSON_AddNumberToObject(item, "Uid", session->uid) == NULL ||
	    cJSON_AddStringToObject(item, "Since", since) == NULL)
		return -1;
	return 0;
}

static int
print_json(const struct live_session *sessions, size_t count)
{
	cJSON *response = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(response, "Sessions");
	int result = list == NULL ? -1 : 0;

	for (size_t i = 0; i < count && result == 0; i++)
		result = add_session(list, &sessions[i]);
	if (result == 0)
		result = output_json(stdout, response);
	cJSON_Delete(response);
	return result;
}

static int
print_sessions(const struct live_session *sessions, size_t count, enum output_format format)
{
	int result;

	if (format == OUTPUT_JSON)
		result = print_json(sessions, count);
	else
		result = columns_print(&COLUMNS, sessions, count, format != OUTPUT_TEXT);
	if (result == -1) {
		fputs("berth sessions: no memory\n", stderr);
		return COMMAND_FAILED;
	}
	return output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int
end_session(const struct live_session *session)
{
	if (registry_end(session, END_GRACE_MS) == -1) {
		fprintf(stderr, "berth sessions: session %s of user %s can't be ended: %s\n", session->id, session->user,
		    strerror(errno));
		return COMMAND_UNMATCHED;
	}
	printf("ended session %s of user %s\n", session->id, session->user);
	return COMMAND_OK;
}

/* All the sessions that a word names: one by its id, or a user's. */
static int
end_named(const struct live_session *sessions, size_t count, const char *name)
{
	int result = COMMAND_OK;
	size_t matched = 0;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(sessions[i].id, name) != 0 && strcmp(sessions[i].user, name) != 0)
			continue;
		matched++;
		if (end_session(&sessions[i]) != COMMAND_OK)
			result = COMMAND_UNMATCHED;
	}
	if (matched > 0)
		return result;
	fprintf(stderr, "berth sessions: no live session has the id or the user \"%s\"\n", name);
	return COMMAND_UNMATCHED;
}

static int
end_all_named(const struct live_session *sessions, size_t count, int argc, char **argv)
{
	int result = COMMAND_OK;

	for (int i = 0; i < argc; i++) {
		if (end_named(sessions, count, argv[i]) != COMMAND_OK)
			result = COMMAND_UNMATCHED;
	}
	return output_flush() == 0 ? result : COMMAND_FAILED;
}

static const struct option options[] = {
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

static const struct flags command_line = { "berth sessions", usage, "unknown option ", options, NULL };

/* argv[0] is the subcommand. */
static int
run(int argc, char **argv, const struct command_globals *globals)
{
	bool ends = strcmp(argv[0], "end") == 0;
	struct live_session *sessions = NULL;
	ssize_t count;
	int result;

	if (!ends && strcmp(argv[0], "list") != 0)
		return flags_wrong(&command_line, "there is no subcommand ", argv[0]);
	if (ends && argc == 1)
		return flags_wrong(&command_line, "end: which? the following arguments are required: ", "USER|ID");
	if (!ends && argc > 1)
		return flags_wrong(&command_line, "Unknown options: ", argv[1]);
	if (geteuid() != 0) {
		fputs("berth sessions: only root may see and end sessions\n", stderr);
		return COMMAND_FAILED;
	}
	if ((count = registry_list(&sessions)) == -1) {
		fprintf(stderr, "berth sessions: the sessions can't be listed: %s\n", strerror(errno));
		return COMMAND_FAILED;
	}
	if (ends)
		result = end_all_named(sessions, (size_t)count, argc - 1, argv + 1);
	else
		result = print_sessions(sessions, (size_t)count, globals->output);
	free(sessions);
	return result;
}

int
sessions_command(int argc, char **argv, struct command_globals *globals)
{
	static char list[] = "list";
	char *just_list[] = { list, NULL };
	int result = flags_read(&command_line, argc, argv, globals, NULL);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (optind == argc)
		return run(1, just_list, globals);
	return run(argc - optind, argv + optind, globals);
}
