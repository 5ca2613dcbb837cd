/*
 * The flags of one command: those that several commands have, and its own.
 */
#ifndef BERTH_FLAGS_H
#define BERTH_FLAGS_H

#include <getopt.h>

#include "admin_cmd/command.h"

/* The codes in a command's table. Those before FLAG_OWN go to the globals. */
enum { FLAG_CONFIG = 256, FLAG_OUTPUT, FLAG_QUERY, FLAG_HELP, FLAG_OWN };

/* Rows of a command's table: the flags of all commands that print something. */
#define FLAGS_OF_ALL \
	{ "config", required_argument, NULL, FLAG_CONFIG }, \
	{ "output", required_argument, NULL, FLAG_OUTPUT }, \
	{ "query", required_argument, NULL, FLAG_QUERY }, \
	{ "help", no_argument, NULL, FLAG_HELP }

struct flags {
	const char *command; /* "berth import": what messages begin with */
	const char *usage;   /* what stands above them */
	const char *unknown; /* what is said of a flag that isn't in the table, before it */
	const struct option *options; /* a code that is a letter is also the flag's short form, -f */
	/* A flag of the command's own, its value in optarg. Returns COMMAND_OK, or what flags_wrong() did. NULL: none. */
	int (*take)(const struct flags *flags, void *context, int code);
};

/* flags_read: argv[0] is the command's name. Words may stand between the flags: argv is sorted, and they begin at optind.
 * The word "help" is as good as --help. Returns COMMAND_OK, or COMMAND_USAGE after saying on stderr what is wrong. */
int flags_read(const struct flags *flags, int argc, char **argv, struct command_globals *globals, void *context);

/* flags_wrong: the usage, the problem and the word it is about, on stderr. Returns COMMAND_USAGE. */
int flags_wrong(const struct flags *flags, const char *problem, const char *word);

/* flags_unknown: the flag that getopt_long(3) has just taken for none of its table's. A short one is written to `letter`. */
const char *flags_unknown(char **argv, char letter[3]);

#endif
