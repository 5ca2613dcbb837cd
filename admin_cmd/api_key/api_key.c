#include "admin_cmd/api_key/api_key.h"

#include <stdio.h>
#include <string.h>

#include "admin_cmd/local_store.h"
#include "common/model/record_json.h"
#include "common/store/access_keys_json.h"

const char api_key_usage[] =
    "usage: berth api-key create [--allow PATTERN[,...]] [--server ID[,...]] [--rate N] [--description TEXT]\n"
    "                            [--profile NAME]\n"
    "       berth api-key list\n"
    "       berth api-key enable|disable|delete ID ...\n"
    "\n"
    "Access keys for berth-api. A change counts from the next request on.\n"
    "\n"
    "  create                    make a key, and show its secret, this once\n"
    "    --allow PATTERN[,...]   what it may call, such as 'Describe*,List*'; default: all operations\n"
    "    --server ID[,...]       for which servers; default: all\n"
    "    --rate N                requests a second, in place of ApiRate; 0: without bound\n"
    "    --description TEXT      what it is for\n"
    "    --profile NAME          what it is called in a file of credentials; default: berth\n"
    "  list                      the keys, without their secrets\n"
    "  enable|disable|delete ID  all of the keys named, or none\n"
    "\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  default: table, for people\n"
    "\n"
    "Exit status: 0, 252 wrong flags, 254 refused, 255 failure.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct command_globals *globals);
} subcommands[] = {
	{ "create", api_key_create },
	{ "list", api_key_list },
	{ "enable", api_key_alter },
	{ "disable", api_key_alter },
	{ "delete", api_key_alter },
};

const struct option api_key_options[] = {
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

static int
work_as_user(const char *config_file, enum output_format format, char **words, api_key_work *work, void *context)
{
	struct config config;
	int result = COMMAND_FAILED;

	if (local_store_config(API_KEY_COMMAND, config_file, &config) == 0 &&
	    local_store_become(API_KEY_COMMAND, &config) == 0)
		result = work(&config, format, words, context);
	config_free(&config);
	return result;
}

int
api_key_run(const struct flags *flags, bool takes_ids, int argc, char **argv, struct command_globals *globals,
    api_key_work *work, void *context)
{
	int result = flags_read(flags, argc, argv, globals, context);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(api_key_usage);
	if (takes_ids && optind == argc)
		return flags_wrong(flags, "which? the following arguments are required: ", "ID");
	if (!takes_ids && optind < argc)
		return flags_wrong(flags, "Unknown options: ", argv[optind]);
	return work_as_user(globals->config_file, globals->output, argv + optind, work, context);
}

int
api_key_failed(const struct api_error *error)
{
	fprintf(stderr, API_KEY_COMMAND ": %s\n", error->message);
	return error->code == API_INTERNAL || error->code == API_UNAVAILABLE ? COMMAND_FAILED : COMMAND_REFUSED;
}

bool
api_key_add_common(cJSON *object, const struct access_key *key)
{
	char date[64];

	output_time(key->created, date, sizeof(date));
	return record_json_add_string(object, "Status", key->enabled ? "Active" : "Inactive") &&
	    record_json_add_string(object, "CreateDate", date) && access_keys_json_restrictions(object, key);
}

int
api_key_command(int argc, char **argv, struct command_globals *globals)
{
	int first = command_globals_read(API_KEY_COMMAND, argc, argv, globals);

	if (first >= 0 && (globals->help || (first < argc && strcmp(argv[first], "help") == 0)))
		return command_print(api_key_usage);
	for (size_t i = 0; first >= 0 && first < argc && i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(argv[first], subcommands[i].name) == 0)
			return subcommands[i].run(argc - first, argv + first, globals);
	fputs(api_key_usage, stderr);
	if (first >= 0 && first < argc)
		fprintf(stderr, API_KEY_COMMAND ": error: there is no subcommand %s\n", argv[first]);
	return COMMAND_USAGE;
}
