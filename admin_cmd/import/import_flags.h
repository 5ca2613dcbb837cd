/*
 * The command line of `berth import`.
 */
#ifndef BERTH_IMPORT_FLAGS_H
#define BERTH_IMPORT_FLAGS_H

#include "admin_cmd/command.h"
#include "admin_cmd/import/import_source.h"

/* Of a service's users; NULL and false: not given. */
struct import_transfer_flags {
	const char *url; /* "": AWS's of the region; NULL: users don't come from a service */
	const char *from_server_id, *profile, *region, *ca_file;
	bool resume;
};

struct import_flags {
	const char *server_id, *from, *file;
	bool replace, dry_run;
	struct import_source_flags source;
	struct import_transfer_flags transfer;
};

/* import_flags_read: argv[0] is the command's own name; flags that every command takes go to *globals. Returns COMMAND_OK,
 * or COMMAND_USAGE after saying on stderr what is wrong. */
int import_flags_read(int argc, char **argv, struct import_flags *flags, struct command_globals *globals);

/* import_flags_wrong: the usage, the problem and the word it is about, on stderr. Returns COMMAND_USAGE. */
int import_flags_wrong(const char *problem, const char *word);

/* import_flags_help: the usage on stdout. Returns an exit code. */
int import_flags_help(void);

#endif
