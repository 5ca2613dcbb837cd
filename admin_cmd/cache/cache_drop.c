/*
 * berth cache drop: records are forgotten, also those that are on their way here.
 */
#include <stdio.h>

#include "admin_cmd/cache/cache_command.h"

enum { FLAG_ALL = FLAG_OWN };

/* 0 when it was there, 1 when not, -1 with *error. */
static int
drop_user(struct cache *cache, const char *user_name, struct api_error *error)
{
	bool found;

	/* "" is the server's. */
	if (user_name[0] == '\0')
		found = false;
	else if (cache_drop(cache, user_name, &found, error) == -1)
		return -1;
	if (found)
		printf("dropped %s\n", user_name);
	else
		fprintf(stderr, CACHE_COMMAND ": nothing is cached of a user \"%s\"\n", user_name);
	return found ? 0 : 1;
}

static int
drop_users(struct cache *cache, char **names)
{
	struct api_error error = { .code = API_OK };
	int result = COMMAND_OK, got;

	for (char **name = names; *name != NULL; name++) {
		if ((got = drop_user(cache, *name, &error)) == -1)
			return cache_failed(&error);
		if (got == 1)
			result = COMMAND_UNMATCHED;
	}
	return result;
}

static int
drop_all(struct cache *cache)
{
	struct api_error error = { .code = API_OK };
	bool found;

	if (cache_drop(cache, NULL, &found, &error) == -1)
		return cache_failed(&error);
	puts(found ? "dropped all records" : "nothing was cached");
	return COMMAND_OK;
}

static int
drop(const struct cache_options *options, enum output_format format, char **words, const void *context)
{
	struct api_error error = { .code = API_OK };
	const bool *all = context;
	struct cache *cache;
	int result;

	(void)format;
	if (cache_open(options, true, &cache, &error) == -1)
		return cache_failed(&error);
	result = *all ? drop_all(cache) : drop_users(cache, words);
	cache_close(cache);
	return output_flush() == 0 ? result : COMMAND_FAILED;
}

static int
take(const struct flags *flags, void *context, int code)
{
	(void)flags;
	(void)code;
	*(bool *)context = true;
	return COMMAND_OK;
}

int
cache_forget(int argc, char **argv, struct command_globals *globals)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, FLAG_ALL },
		FLAGS_OF_ALL,
		{ NULL, 0, NULL, 0 },
	};
	static const struct flags flags = { CACHE_COMMAND " drop", cache_usage, "unknown option ", options, take };
	bool all = false;
	int result = flags_read(&flags, argc, argv, globals, &all);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(cache_usage);
	if (!all && optind == argc)
		return flags_wrong(&flags, "which? the following arguments are required: ", "USER ... or --all");
	if (all && optind < argc)
		return flags_wrong(&flags, "--all takes no user's name: ", argv[optind]);
	return cache_run(globals, argv + optind, drop, &all);
}
