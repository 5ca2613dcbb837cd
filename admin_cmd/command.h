/*
 * What the commands of `berth` share: their exit codes, and the flags that may stand anywhere before a command's own.
 */
#ifndef BERTH_COMMAND_H
#define BERTH_COMMAND_H

#include <stdbool.h>

#include "admin_cmd/output.h"
#include "common/model/error.h"

/* The codes of the AWS command line, so that scripts written for it read ours right. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_SOME_REFUSED = 1, /* import, export: not every line or user */
	COMMAND_UNMATCHED = 1, /* sessions: no session fits, or one can't be listed or ended; cache: no such record */
	COMMAND_FAULTS = 1,    /* fsck: the store has faults; doctor: the host has, or the user can't log in; why: nothing is
	                        * known; status: there is no agent; restore, setup: not confirmed */
	COMMAND_USAGE = 252,   /* wrong flags or values; nothing was called */
	COMMAND_REFUSED = 254, /* the operation was called and refused; cache: there is none */
	COMMAND_FAILED = 255,  /* anything else: the configuration, the store, writing the output */
};

/* What is said about the one flag of the AWS command line that is left out on purpose. */
#define COMMAND_NO_QUERY "There is no --query: `--output json | jq` does what it would"

struct command_globals {
	const char *config_file;
	enum output_format output; /* OUTPUT_DEFAULT: the command's own default */
	bool help, version;
};

/*
 * command_globals_read: the flags before the first word that isn't one. Returns that word's index in argv (argc when there
 * is none), or -1 after saying on stderr what is wrong with a flag; `command` is what the message begins with.
 */
int command_globals_read(const char *command, int argc, char **argv, struct command_globals *globals);

/* command_print: a text on stdout, which is all that is to be done. Returns the exit code. */
int command_print(const char *text);

/* The commands: argv[0] is the command's own name. They return the process's exit code. */
int admin_command(int argc, char **argv, struct command_globals *globals);
int find_users_command(int argc, char **argv, struct command_globals *globals); /* of `berth admin` */
int sessions_command(int argc, char **argv, struct command_globals *globals);
int export_command(int argc, char **argv, struct command_globals *globals);
int import_command(int argc, char **argv, struct command_globals *globals);
int fsck_command(int argc, char **argv, struct command_globals *globals);
int backup_command(int argc, char **argv, struct command_globals *globals);
int restore_command(int argc, char **argv, struct command_globals *globals);
int tail_command(int argc, char **argv, struct command_globals *globals);
int api_key_command(int argc, char **argv, struct command_globals *globals);
int cache_command(int argc, char **argv, struct command_globals *globals);
int setup_command(int argc, char **argv, struct command_globals *globals);
int doctor_command(int argc, char **argv, struct command_globals *globals);
int why_command(int argc, char **argv, struct command_globals *globals);
int status_command(int argc, char **argv, struct command_globals *globals);

/* admin_refused: says on stderr that an operation was refused, as the AWS command line does. Returns COMMAND_REFUSED. */
int admin_refused(const char *api_name, const struct api_error *error);

#endif
