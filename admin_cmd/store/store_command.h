/*
 * What `berth fsck`, `backup` and `restore` share: their flags, and how faults and progress are shown.
 */
#ifndef BERTH_STORE_COMMAND_H
#define BERTH_STORE_COMMAND_H

#include <stdbool.h>

#include "admin_cmd/command.h"
#include "admin_cmd/progress.h"
#include "common/host/config.h"
#include "common/store/maintenance.h"

struct store_command {
	const char *name;  /* "berth fsck": what messages begin with */
	const char *usage;
	const char *flag;  /* its own flag, without a value: "repair"; NULL: none */
	bool takes_file;

	/* From here on as store_command_read() fills them in. */
	struct command_globals *globals;
	bool flag_given;
	const char *file;
	struct config config;
	struct store_care care; /* reports and shows progress; its context is this struct */
	struct progress progress;
	size_t reported;
};

/* store_command_read: flags, file and configuration. Returns COMMAND_OK with *go_on set when there is something to do; else
 * the exit code, all said. Either way store_command_free() releases it. */
int store_command_read(struct store_command *command, int argc, char **argv, struct command_globals *globals, bool *go_on);
void store_command_free(struct store_command *command);

/* store_command_clear: takes the progress line off the terminal, before anything else is written. */
void store_command_clear(struct store_command *command);
/* store_command_fail: says the error; returns the exit code that goes with it. */
int store_command_fail(struct store_command *command, const struct api_error *error);

#endif
