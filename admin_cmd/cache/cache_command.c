#include "admin_cmd/cache/cache_command.h"

#include <stdio.h>
#include <string.h>

#include "admin_cmd/local_store.h"

const char cache_usage[] =
    "usage: berth cache [show] [USER] [FLAG ...]\n"
    "       berth cache drop USER ... | --all\n"
    "\n"
    "What this host has kept of a Store elsewhere. The next login asks for what was dropped.\n"
    "\n"
    "  show [USER]               the records, and how old they are; or a user's\n"
    "  drop USER ...             forget users' records\n"
    "  drop --all                forget everything\n"
    "\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  default: table, for people\n"
    "\n"
    "Exit status: 0, 1 a user has no record here, 252 wrong flags, 254 the Store is local, 255 failure.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct command_globals *globals);
} subcommands[] = {
	{ "show", cache_show },
	{ "drop", cache_forget },
};

static int
work_on_config(const struct config *config, enum output_format format, char **words, cache_work *work, const void *context)
{
	const struct cache_options options = cache_options_of(config);

	if (!config_store_is_remote(config)) {
		fprintf(stderr, CACHE_COMMAND ": this host's Store is local, %s; nothing is cached\n", config->store);
		return COMMAND_REFUSED;
	}
	if (config->server_id == NULL) {
		fputs(CACHE_COMMAND ": the configuration has no ServerId; nothing is cached\n", stderr);
		return COMMAND_REFUSED;
	}
	if (local_store_become(CACHE_COMMAND, config) == -1)
		return COMMAND_FAILED;
	return work(&options, format, words, context);
}

int
cache_run(const struct command_globals *globals, char **words, cache_work *work, const void *context)
{
	struct config config;
	int result = COMMAND_FAILED;

	if (local_store_config(CACHE_COMMAND, globals->config_file, &config) == 0)
		result = work_on_config(&config, globals->output, words, work, context);
	config_free(&config);
	return result;
}

int
cache_failed(const struct api_error *error)
{
	fprintf(stderr, CACHE_COMMAND ": %s\n", error->message);
	return COMMAND_FAILED;
}

int
cache_command(int argc, char **argv, struct command_globals *globals)
{
	static char show[] = "show";
	char *just_show[] = { show, NULL };
	int first = command_globals_read(CACHE_COMMAND, argc, argv, globals);

	if (first >= 0 && (globals->help || (first < argc && strcmp(argv[first], "help") == 0)))
		return command_print(cache_usage);
	if (first == argc)
		return cache_show(1, just_show, globals);
	for (size_t i = 0; first >= 0 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(argv[first], subcommands[i].name) == 0)
			return subcommands[i].run(argc - first, argv + first, globals);
	fputs(cache_usage, stderr);
	if (first >= 0)
		fprintf(stderr, CACHE_COMMAND ": error: there is no subcommand %s\n", argv[first]);
	return COMMAND_USAGE;
}
