/*
 * The command line of one operation, sorted: which words stand under which flag. What they make, arguments.c knows.
 */
#ifndef BERTH_SCAN_H
#define BERTH_SCAN_H

#include <stddef.h>

#include "admin_cmd/admin/arguments.h"

struct option;

/* The words that followed one flag. */
struct given {
	const char **words; /* NULL: the flag wasn't given */
	size_t count, most;
};

struct scan {
	struct arguments *arguments; /* has the operation; flags without a value and those of paging go here */
	struct command_globals *globals;
	const struct shape_member *members;
	struct given *given; /* one a member */
	struct given skeleton, cli_input;

	/* How far the scan is. */
	char **argv;
	struct option *options;
	char (*names)[FLAG_NAME_SIZE]; /* of the members' flags */
	const char **words;            /* all flags' words */
	size_t word_count;
	struct given *open;            /* the flag that takes the next word */
};

/* scan_run: argv[0] is the operation's name; *scan has the arguments and globals to fill. Returns COMMAND_OK, or another
 * exit code after saying on stderr what is wrong. Either way scan_free() releases what the scan holds. */
int scan_run(struct scan *scan, int argc, char **argv);
void scan_free(struct scan *scan);

#endif
