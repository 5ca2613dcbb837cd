/*
 * berth api-key: who may call berth-api.
 */
#ifndef BERTH_API_KEY_H
#define BERTH_API_KEY_H

#include <cjson/cJSON.h>

#include "admin_cmd/flags.h"
#include "common/host/config.h"
#include "common/store/access_keys.h"

#define API_KEY_COMMAND "berth api-key"

extern const char api_key_usage[];

/* The subcommands; argv[0] is the subcommand's name. They return the exit code. */
int api_key_create(int argc, char **argv, struct command_globals *globals);
int api_key_list(int argc, char **argv, struct command_globals *globals);
int api_key_alter(int argc, char **argv, struct command_globals *globals); /* enable, disable, delete */

/* What a subcommand does, as the configuration's User. words: what follows the flags, ended by NULL. Returns the exit
 * code. */
typedef int api_key_work(const struct config *config, enum output_format format, char **words, void *context);

/* api_key_run: reads the flags, whose context is the work's, and the configuration, and becomes its User, for good: what
 * root wrote into a directory of that user by name could land anywhere, and berth-api couldn't read it. Then it does the
 * work. takes_ids: there must be words; else there may be none. Returns the exit code. */
int api_key_run(const struct flags *flags, bool takes_ids, int argc, char **argv, struct command_globals *globals,
    api_key_work *work, void *context);

/* api_key_options: of subcommands that have none of their own. */
extern const struct option api_key_options[];

/* api_key_failed: says the error; returns the exit code that goes with it. */
int api_key_failed(const struct api_error *error);

/* api_key_add_common: what create and list both show of a key, in the members of `aws iam`. False: memory is out. */
bool api_key_add_common(cJSON *object, const struct access_key *key);

#endif
