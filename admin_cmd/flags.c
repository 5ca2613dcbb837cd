#include "admin_cmd/flags.h"

#include <stdio.h>
#include <string.h>

const char *
flags_unknown(char **argv, char letter[3])
{
	if (optopt <= 0 || optopt >= FLAG_CONFIG)
		return argv[optind - 1];
	/* The word of a short flag may have more letters, so that getopt hasn't gone past it. */
	snprintf(letter, 3, "-%c", optopt);
	return letter;
}

int
flags_wrong(const struct flags *flags, const char *problem, const char *word)
{
	fprintf(stderr, "%s\n%s: error: %s%s\n", flags->usage, flags->command, problem, word);
	return COMMAND_USAGE;
}

/* The short flags of a table, as getopt(3) takes them. */
static void
write_letters(const struct option *options, char *letters, size_t size)
{
	size_t length = (size_t)snprintf(letters, size, ":");

	for (; options->name != NULL && length + 2 < size; options++) {
		if (options->val >= FLAG_CONFIG || strchr(letters, options->val) != NULL)
			continue;
		letters[length++] = (char)options->val;
		if (options->has_arg == required_argument)
			letters[length++] = ':';
		letters[length] = '\0';
	}
}

/* The flag of `?`. A letter that is in the table stands for its long form, which was given a value that it doesn't take. */
static const char *
unknown_flag(const struct flags *flags, char **argv, char letter[3])
{
	for (const struct option *option = flags->options; option->name != NULL; option++) {
		if (optopt != 0 && option->val == optopt)
			return argv[optind - 1];
	}
	return flags_unknown(argv, letter);
}

static int
take(const struct flags *flags, int code, char **argv, struct command_globals *globals, void *context)
{
	char letter[3];

	switch (code) {
	case FLAG_CONFIG:
		globals->config_file = optarg;
		return COMMAND_OK;
	case FLAG_OUTPUT:
		if (output_format_parse(optarg, &globals->output) == 0)
			return COMMAND_OK;
		return flags_wrong(flags, "argument --output: none of json, text, table: ", optarg);
	case FLAG_QUERY:
		return flags_wrong(flags, COMMAND_NO_QUERY, "");
	case FLAG_HELP:
		globals->help = true;
		return COMMAND_OK;
	case ':':
		return flags_wrong(flags, "expected one argument: ", argv[optind - 1]);
	case '?':
		return flags_wrong(flags, flags->unknown, unknown_flag(flags, argv, letter));
	}
	return flags->take(flags, context, code);
}

int
flags_read(const struct flags *flags, int argc, char **argv, struct command_globals *globals, void *context)
{
	int code, result = COMMAND_OK;
	char letters[64];

	write_letters(flags->options, letters, sizeof(letters));
	opterr = 0;
	optind = 0; /* glibc: start afresh, each level of the command line has flags of its own */
	while (result == COMMAND_OK && (code = getopt_long(argc, argv, letters, flags->options, NULL)) != -1)
		result = take(flags, code, argv, globals, context);
	if (result == COMMAND_OK && optind < argc && strcmp(argv[optind], "help") == 0)
		globals->help = true;
	return result;
}
