/*
 * berth backup: the store as it is now, into a file of whoever runs the command.
 *
 * Where that file lies is for root to open; the store is for its own user. So the file is opened first, and filled through
 * its descriptor by a child that has become that user.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin_cmd/local_store.h"
#include "admin_cmd/store/store_command.h"

#define MODE_PRIVATE 0600

static const char usage[] =
    "usage: berth backup FILE [--config FILE]\n"
    "\n"
    "Copies the store, as it is at one moment, while the agent and others use it. FILE must not be there yet.\n"
    "`berth restore FILE` puts it back.\n"
    "\n"
    "  --config FILE  default: /etc/berth/berth.conf\n"
    "\n"
    "Exit status: 0 FILE is on disk and checked, 252 wrong flags, 255 failure: then there is no FILE.\n";

/* The file to be: without a name until it is whole, where the file system can do that. */
struct target {
	char folder[PATH_MAX], name[NAME_MAX + 1];
	int directory, file;
	bool named;
};

static volatile sig_atomic_t stopped; /* the signal that came */

static void
note_signal(int number)
{
	stopped = number;
}

static int
split(struct target *target, const char *path)
{
	char copy[PATH_MAX], *folder;

	if (snprintf(target->folder, sizeof(target->folder), "%s", path) >= (int)sizeof(target->folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(copy, target->folder, sizeof(copy));
	if (snprintf(target->name, sizeof(target->name), "%s", basename(copy)) >= (int)sizeof(target->name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	folder = dirname(target->folder);
	memmove(target->folder, folder, strlen(folder) + 1);
	return 0;
}

static int
open_target(struct target *target, const char *path)
{
	target->directory = target->file = -1;
	if (split(target, path) == -1)
		return -1;
	target->directory = open(target->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->directory == -1)
		return -1;
	if (faccessat(target->directory, target->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	target->file = openat(target->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE_PRIVATE);
	if (target->file != -1 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
		return target->file == -1 ? -1 : 0;
	target->named = true;
	target->file = openat(target->directory, target->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    MODE_PRIVATE);
	return target->file == -1 ? -1 : 0;
}

/* The whole file gets its name; linkat(2) fails when somebody has taken it meanwhile. */
static int
name_target(const struct target *target)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", target->file);
	if (!target->named && linkat(AT_FDCWD, link, target->directory, target->name, AT_SYMLINK_FOLLOW) == -1)
		return -1;
	return fsync(target->directory);
}

static void
close_target(const struct target *target, bool whole)
{
	if (target->file != -1 && target->named && !whole)
		unlinkat(target->directory, target->name, 0);
	if (target->file != -1)
		close(target->file);
	if (target->directory != -1)
		close(target->directory);
}

/* The child: it ends with the parent, and with an exit code. */
static int
fill(struct store_command *command, int file, pid_t parent)
{
	struct api_error error = { .code = API_OK };

	if (local_store_become(command->name, &command->config) == -1)
		return COMMAND_FAILED;
	/* Not before: a change of identity takes it back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		return COMMAND_FAILED;
	if (store_backup(command->config.store, file, &command->care, &error) == 0) {
		store_command_clear(command);
		return COMMAND_OK;
	}
	store_command_fail(command, &error);
	return COMMAND_FAILED;
}

/* While the child works, a signal ends it, and then us, with nothing left behind. */
static int
wait_for(struct store_command *command, pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR || (stopped != 0 && kill(child, SIGKILL) == -1))
			return COMMAND_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "%s: stopped by a signal; no backup was made\n", command->name);
	return COMMAND_FAILED;
}

static int
fill_as_store_user(struct store_command *command, int file)
{
	static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction note = { .sa_handler = note_signal }, before[3];
	pid_t parent = getpid(), child;
	size_t i;

	for (i = 0; i < 3; i++)
		if (sigaction(SIGNALS[i], &note, &before[i]) == -1)
			return COMMAND_FAILED;
	child = fork();
	if (child == -1) {
		fprintf(stderr, "%s: %s\n", command->name, strerror(errno));
		return COMMAND_FAILED;
	}
	if (child > 0)
		return wait_for(command, child);
	for (i = 0; i < 3; i++)
		sigaction(SIGNALS[i], &before[i], NULL);
	_exit(stopped != 0 ? COMMAND_FAILED : fill(command, file, parent));
}

static int
run(struct store_command *command)
{
	struct target target = { .file = -1 };
	int result = COMMAND_FAILED;

	if (strcmp(command->file, "-") == 0) {
		fprintf(stderr, "%s\n%s: error: FILE can't be -: a backup is checked once it is written\n", usage,
		    command->name);
		return COMMAND_USAGE;
	}
	if (open_target(&target, command->file) == -1)
		fprintf(stderr, "%s: %s: %s\n", command->name, command->file, strerror(errno));
	else
		result = fill_as_store_user(command, target.file);
	if (result == COMMAND_OK && name_target(&target) == -1) {
		fprintf(stderr, "%s: %s: %s\n", command->name, command->file, strerror(errno));
		result = COMMAND_FAILED;
	}
	close_target(&target, result == COMMAND_OK);
	return result;
}

int
backup_command(int argc, char **argv, struct command_globals *globals)
{
	struct store_command command = { .name = "berth backup", .usage = usage, .takes_file = true };
	bool go_on;
	int result = store_command_read(&command, argc, argv, globals, &go_on);

	if (go_on)
		result = run(&command);
	store_command_free(&command);
	return result;
}
