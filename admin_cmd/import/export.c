/*
 * berth export: every user of a server, one line of JSON each, as they were at one moment; those of a store kept elsewhere
 * as they are asked for one after the other.
 */
#include <unistd.h>

#include "admin_cmd/flags.h"
#include "admin_cmd/local_store.h"
#include "admin_cmd/progress.h"
#include "common/model/patterns.h"
#include "common/model/user_line.h"

#define COMMAND "berth export"

static const char usage[] =
    "usage: berth export [--server-id ID] [--config FILE] > users.jsonl\n"
    "\n"
    "Prints every user of a server, one line of JSON each, as `berth import` takes them.\n"
    "\n"
    "  --server-id ID  default: the configuration's ServerId\n"
    "  --config FILE   default: /etc/berth/berth.conf\n"
    "\n"
    "Exit status: 0 all are out, 1 some couldn't be read whole and are named on stderr, 252 wrong flags, 255 failure.\n";

struct export {
	const struct config *config;
	struct progress progress;
	size_t count, unreadable;
	bool failed; /* said on stderr */
};

static int
unreadable(struct export *export, const char *user_name, const struct api_error *why)
{
	struct api_error said;

	api_fail(&said, API_INTERNAL, "%s: %s", user_name, why->message);
	progress_clear(&export->progress);
	fprintf(stderr, COMMAND ": %s\n", said.message);
	export->unreadable++;
	return 0;
}

/* A store_visit_record. */
static int
print_user(void *context, const char *user_name, const struct user_record *user, const struct api_error *why)
{
	struct export *export = context;
	struct api_error error;
	char *line;

	if (user == NULL)
		return unreadable(export, user_name, why);
	line = user_line_write(user, export->config, &error);
	if (line == NULL) {
		fprintf(stderr, COMMAND ": %s\n", error.message);
		export->failed = true;
		return 1;
	}
	fputs(line, stdout);
	putchar('\n');
	cJSON_free(line);
	progress_users(&export->progress, ++export->count, 0);
	/* Who doesn't want the output any more shouldn't have to wait for its end. */
	return ferror(stdout);
}

static void
report_failure(const char *server_id, const struct api_error *error)
{
	if (error->code != API_NOT_FOUND)
		fprintf(stderr, COMMAND ": %s\n", error->message);
	else
		fprintf(stderr, COMMAND ": the store has no server %s\n",
		    pattern_server_id(server_id) ? server_id : "of such an id");
}

static int
export_users(struct store *store, const char *server_id, const struct config *config)
{
	struct export export = { .config = config };
	struct api_error error;
	int result;

	progress_start(&export.progress, !isatty(STDOUT_FILENO), 0);
	result = store_read_users(store, server_id, print_user, &export, &error);
	progress_clear(&export.progress);
	if (result == -1)
		report_failure(server_id, &error);
	if (output_flush() == -1 || result == -1 || export.failed)
		return COMMAND_FAILED;
	return export.unreadable > 0 || local_store_lost() > 0 ? COMMAND_SOME_REFUSED : COMMAND_OK;
}

static const struct option options[] = {
	{ "config", required_argument, NULL, FLAG_CONFIG },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ "server-id", required_argument, NULL, FLAG_OWN },
	{ NULL, 0, NULL, 0 },
};

static int
take_server_id(const struct flags *flags, void *server_id, int code)
{
	(void)flags;
	(void)code;
	*(const char **)server_id = optarg;
	return COMMAND_OK;
}

static const struct flags command_line = { COMMAND, usage, "unknown option ", options, take_server_id };

int
export_command(int argc, char **argv, struct command_globals *globals)
{
	struct config config = { .store = NULL };
	const char *server_id = NULL;
	struct store *store = NULL;
	int result = flags_read(&command_line, argc, argv, globals, &server_id);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (optind < argc)
		return flags_wrong(&command_line, "it takes no ", argv[optind]);
	result = COMMAND_FAILED;
	if (local_store_config(COMMAND, globals->config_file, &config) == -1)
		goto out;
	if (server_id == NULL && (server_id = config.server_id) == NULL)
		result = flags_wrong(&command_line, "the following arguments are required: --server-id", "");
	else if (local_store_open(COMMAND, &config, STORE_READ, &store) == 0)
		result = export_users(store, server_id, &config);
out:
	store_close(store);
	config_free(&config);
	return result;
}
