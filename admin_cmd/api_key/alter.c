/*
 * berth api-key enable, disable, delete: of keys that are there, all or none.
 */
#include <stdio.h>
#include <string.h>

#include "admin_cmd/api_key/api_key.h"

struct alteration {
	const char *name; /* of the subcommand */
	char **ids;       /* ended by NULL */
};

static int
alter_key(const struct alteration *alteration, const char *id, struct access_keys *keys, struct api_error *error)
{
	struct access_key *key = access_keys_find(keys, id);

	if (key == NULL)
		return api_fail(error, API_NOT_FOUND, "there is no access key \"%.100s\"; nothing was changed", id);
	if (strcmp(alteration->name, "delete") == 0)
		access_keys_remove(keys, key);
	else
		key->enabled = strcmp(alteration->name, "enable") == 0;
	return 0;
}

static int
alter(void *context, struct access_keys *keys, struct api_error *error)
{
	const struct alteration *alteration = context;

	for (char **id = alteration->ids; *id != NULL; id++)
		if (alter_key(alteration, *id, keys, error) == -1)
			return -1;
	return 0;
}

static int
work(const struct config *config, enum output_format format, char **words, void *context)
{
	struct alteration *alteration = context;
	struct api_error error = { .code = API_OK };

	(void)format;
	alteration->ids = words;
	if (access_keys_change(config->api_keys_file, alter, alteration, &error) == 0)
		return COMMAND_OK;
	return api_key_failed(&error);
}

int
api_key_alter(int argc, char **argv, struct command_globals *globals)
{
	static const struct flags flags = { API_KEY_COMMAND, api_key_usage, "unknown option ", api_key_options, NULL };
	struct alteration alteration = { .name = argv[0] };

	return api_key_run(&flags, true, argc, argv, globals, work, &alteration);
}
