#include "common/host/daemon_options.h"

#include <stdio.h>
#include <unistd.h>

#include "common/host/paths.h"

static int
usage(const char *program, const char *tests)
{
	fprintf(stderr, "usage: %s [-f FILE] [-t] [-e] [-V]\n"
	    "  -f FILE  configuration, instead of %s\n"
	    "  -t       test %s, and exit\n"
	    "  -e       log to stderr instead of syslog\n"
	    "  -V       show the version and exit\n", program, BERTH_CONFIG_FILE, tests);
	return 2;
}

int
daemon_options_parse(struct daemon_options *options, const char *program, const char *tests, int argc, char **argv)
{
	int option;

	*options = (struct daemon_options){ .config_file = BERTH_CONFIG_FILE };
	while ((option = getopt(argc, argv, "f:teV")) != -1) {
		switch (option) {
		case 'f':
			options->config_file = optarg;
			break;
		case 't':
			options->test = true;
			break;
		case 'e':
			options->log_to_stderr = true;
			break;
		case 'V':
			return printf("%s " BERTH_VERSION "\n", program) < 0 || fflush(stdout) != 0 ? 1 : 0;
		default:
			return usage(program, tests);
		}
	}
	return optind == argc ? -1 : usage(program, tests);
}
