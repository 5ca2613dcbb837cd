/*
 * berth restore: a backup in the store's place.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/local_store.h"
#include "admin_cmd/store/store_command.h"

static const char usage[] =
    "usage: berth restore FILE [--yes] [--config FILE]\n"
    "\n"
    "Checks FILE, which `berth backup` has made, and puts it in the place of what the store holds, while the agent and\n"
    "others use it. The store as it was is copied first.\n"
    "\n"
    "  --yes          don't ask; needed without a terminal\n"
    "  --config FILE  default: /etc/berth/berth.conf\n"
    "\n"
    "Exit status: 0 restored, 1 the answer was not yes, 252 wrong flags, 254 FILE has faults or is no backup,\n"
    "255 failure.\n";

/* -1 after saying why. */
static int
open_backup(const struct store_command *command)
{
	int file = open(command->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;

	if (file != -1 && fstat(file, &status) == 0 && S_ISREG(status.st_mode))
		return file;
	fprintf(stderr, "%s: %s: %s\n", command->name, command->file, file == -1 ? strerror(errno) : "not a regular file");
	if (file != -1)
		close(file);
	return -1;
}

/* What a store in use holds is partly in the log beside it, which is not read here: the file alone would be an older state.
 * So it is with the copies that a repair and a restore keep. What has no name has no log. */
static bool
has_log(const struct store_command *command)
{
	char *file = realpath(command->file, NULL), *log = NULL;
	struct stat status;
	bool found = false;

	if (file != NULL && asprintf(&log, "%s-wal", file) != -1) {
		found = lstat(log, &status) == 0 && status.st_size > 0;
		if (found)
			fprintf(stderr, "%s: %s: is no backup but a store: its newest writes are in %s. `berth backup FILE "
			    "--config` makes a backup of it, with a configuration whose Store it is: see berth-store(8)\n",
			    command->name, command->file, log);
		free(log);
	}
	free(file);
	return found;
}

static int
confirm(const struct store_command *command)
{
	char answer[16];

	if (command->flag_given)
		return COMMAND_OK;
	if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
		fprintf(stderr, "%s\n%s: error: there is no terminal to ask on: --yes is needed\n", usage, command->name);
		return COMMAND_USAGE;
	}
	fprintf(stderr, "All that Store %s holds becomes what %s holds. Type yes: ", command->config.store, command->file);
	if (fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return COMMAND_OK;
	fprintf(stderr, "%s: nothing was changed\n", command->name);
	return COMMAND_FAULTS;
}

static int
restore(struct store_command *command, int file)
{
	struct api_error error = { .code = API_OK };
	char kept[PATH_MAX];

	if (local_store_become(command->name, &command->config) == -1)
		return COMMAND_FAILED;
	if (store_restore(command->config.store, file, command->file, &command->care, kept, &error) == -1) {
		fflush(stdout);
		return store_command_fail(command, &error);
	}
	store_command_clear(command);
	if (kept[0] != '\0')
		printf("restored; the store as it was is %s\n", kept);
	else
		puts("restored");
	return output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int
run(struct store_command *command)
{
	int file = open_backup(command), result;

	if (file == -1)
		return COMMAND_FAILED;
	result = has_log(command) ? COMMAND_REFUSED : confirm(command);
	if (result == COMMAND_OK)
		result = restore(command, file);
	close(file);
	return result;
}

int
restore_command(int argc, char **argv, struct command_globals *globals)
{
	struct store_command command = { .name = "berth restore", .usage = usage, .flag = "yes", .takes_file = true };
	bool go_on;
	int result = store_command_read(&command, argc, argv, globals, &go_on);

	globals->output = OUTPUT_TEXT;
	if (go_on)
		result = run(&command);
	store_command_free(&command);
	return result;
}
