#include <stdio.h>

#include "admin_cmd/flags.h"

enum { FLAG_VERSION = FLAG_OWN };

static const struct option options[] = {
	FLAGS_OF_ALL,
	{ "version", no_argument, NULL, FLAG_VERSION },
	{ NULL, 0, NULL, 0 },
};

int
command_globals_read(const char *command, int argc, char **argv, struct command_globals *globals)
{
	char letter[3];
	int code;

	opterr = 0;
	optind = 0; /* glibc: start afresh, each level of the command line has flags of its own */
	while ((code = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (code) {
		case FLAG_CONFIG:
			globals->config_file = optarg;
			break;
		case FLAG_OUTPUT:
			if (output_format_parse(optarg, &globals->output) == -1) {
				fprintf(stderr, "%s: error: argument --output: \"%s\" is none of json, text, table\n",
				    command, optarg);
				return -1;
			}
			break;
		case FLAG_QUERY:
			fprintf(stderr, "%s: error: %s\n", command, COMMAND_NO_QUERY);
			return -1;
		case FLAG_HELP:
			globals->help = true;
			break;
		case FLAG_VERSION:
			globals->version = true;
			break;
		case ':':
			fprintf(stderr, "%s: error: argument %s: expected one argument\n", command, argv[optind - 1]);
			return -1;
		default:
			fprintf(stderr, "%s: error: unknown option %s\n", command, flags_unknown(argv, letter));
			return -1;
		}
	}
	return optind;
}

int
command_print(const char *text)
{
	fputs(text, stdout);
	return output_flush() == 0 ? COMMAND_OK : COMMAND_FAILED;
}
