/*
 * berth cache: what this host has kept of a store elsewhere.
 */
#ifndef BERTH_CACHE_COMMAND_H
#define BERTH_CACHE_COMMAND_H

#include "admin_cmd/flags.h"
#include "common/host/config.h"
#include "common/store/cache/cache.h"

#define CACHE_COMMAND "berth cache"

extern const char cache_usage[];

/* The subcommands; argv[0] is the subcommand's name. They return the exit code. */
int cache_show(int argc, char **argv, struct command_globals *globals);
int cache_forget(int argc, char **argv, struct command_globals *globals); /* drop */

/* What a subcommand does, as the configuration's User. words: what follows the flags, ended by NULL. Returns the exit
 * code. */
typedef int cache_work(const struct cache_options *options, enum output_format format, char **words, const void *context);

/* cache_run: reads the configuration, whose Store must be one kept elsewhere, becomes its User for good (a cache that root
 * made, the agent couldn't open), and does the work. Returns the exit code. */
int cache_run(const struct command_globals *globals, char **words, cache_work *work, const void *context);

/* cache_failed: says the error. Returns COMMAND_FAILED. */
int cache_failed(const struct api_error *error);

#endif
