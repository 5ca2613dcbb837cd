#include <getopt.h>
#include <stdio.h>

#include "admin_cmd/command.h"

enum { GLOBAL_CONFIG = 256, GLOBAL_OUTPUT, GLOBAL_QUERY, GLOBAL_HELP, GLOBAL_VERSION };

static const struct option options[] = {
	{ "config", required_argument, NULL, GLOBAL_CONFIG },
	{ "output", required_argument, NULL, GLOBAL_OUTPUT },
	{ "query", required_argument, NULL, GLOBAL_QUERY },
	{ "help", no_argument, NULL, GLOBAL_HELP },
	{ "version", no_argument, NULL, GLOBAL_VERSION },
	{ NULL, 0, NULL, 0 },
};

int
command_globals_read(const char *command, int argc, char **argv, bool anywhere, struct command_globals *globals)
{
	int code;

	opterr = 0;
	optind = 0; /* glibc: start afresh, each level of the command line has flags of its own */
	while ((code = getopt_long(argc, argv, anywhere ? ":" : "+:", options, NULL)) != -1) {
		switch (code) {
		case GLOBAL_CONFIG:
			globals->config_file = optarg;
			break;
		case GLOBAL_OUTPUT:
			if (output_format_parse(optarg, &globals->output) == -1) {
				fprintf(stderr, "%s: error: argument --output: \"%s\" is none of json, text, table\n",
				    command, optarg);
				return -1;
			}
			break;
		case GLOBAL_QUERY:
			fprintf(stderr, "%s: error: %s\n", command, COMMAND_NO_QUERY);
			return -1;
		case GLOBAL_HELP:
			globals->help = true;
			break;
		case GLOBAL_VERSION:
			globals->version = true;
			break;
		case ':':
			fprintf(stderr, "%s: error: argument %s: expected one argument\n", command, argv[optind - 1]);
			return -1;
		default:
			fprintf(stderr, "%s: error: unknown option %s\n", command,
			    optopt > 0 && optopt < GLOBAL_CONFIG ? (char[]){ '-', (char)optopt, '\0' } : argv[optind - 1]);
			return -1;
		}
	}
	return optind;
}
