/*
 * berth: the operator's command.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/command.h"
#include "common/host/paths.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct command_globals *globals);
} commands[] = {
	{ "admin", admin_command },
	{ "sessions", sessions_command },
	{ "tail", tail_command },
	{ "export", export_command },
	{ "import", import_command },
	{ "fsck", fsck_command },
	{ "backup", backup_command },
	{ "restore", restore_command },
	{ "api-key", api_key_command },
	{ "cache", cache_command },
	{ "setup", setup_command },
	{ "doctor", doctor_command },
	{ "why", why_command },
	{ "status", status_command },
};

static const char usage[] =
    "usage: berth COMMAND [FLAG ...]\n"
    "\n"
    "  setup [--undo]            tell sshd, PAM and NSS of Berth, or make them forget it\n"
    "  doctor [USER]             check this host, or a user's way in, link by link\n"
    "  why USER                  a user's last refusals, with their reasons\n"
    "  status                    how the agent is doing\n"
    "  admin OPERATION           servers and users; `berth admin help` lists the operations\n"
    "  sessions [list]           the live sessions of this host\n"
    "  sessions end USER|ID ...  end a user's sessions, or one\n"
    "  tail [--follow]           the transfer log: who did what\n"
    "  export                    all users of a server, one line of JSON each\n"
    "  import [FILE]             users from such lines, a passwd file, atmoz/sftp, or AWS Transfer\n"
    "  fsck [--repair]           check the store, and mend it\n"
    "  backup FILE               copy the store while it is in use\n"
    "  restore FILE              put a copy back\n"
    "  api-key create            an access key for berth-api; also list, enable, disable, delete\n"
    "  cache [show]              what is kept here of a Store elsewhere\n"
    "  cache drop USER ...       forget users' records; --all: everything\n"
    "  version                   print the version\n"
    "  help                      print this\n"
    "\n"
    "  --config FILE             default: " BERTH_CONFIG_FILE "\n"
    "  --output json|text|table  how to print what comes back\n"
    "\n"
    "`berth COMMAND help` and `berth admin OPERATION help` say more.\n";

int
main(int argc, char **argv)
{
	struct command_globals globals = { .config_file = BERTH_CONFIG_FILE };
	int first = command_globals_read("berth", argc, argv, &globals);

	/* Who started us may have ignored it, and nobody would learn how our own processes ended. */
	signal(SIGCHLD, SIG_DFL);
	if (first < 0) {
		fputs(usage, stderr);
		return COMMAND_USAGE;
	}
	if (globals.version || (first < argc && strcmp(argv[first], "version") == 0))
		return command_print("berth " BERTH_VERSION "\n");
	if (globals.help || (first < argc && strcmp(argv[first], "help") == 0))
		return command_print(usage);
	if (first == argc) {
		fputs(usage, stderr);
		return COMMAND_USAGE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[first], commands[i].name) == 0)
			return commands[i].run(argc - first, argv + first, &globals);
	}
	fprintf(stderr, "%s\nberth: error: there is no command \"%s\"\n", usage, argv[first]);
	return COMMAND_USAGE;
}
