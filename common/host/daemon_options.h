/* The command line that all of Berth's daemons have: [-f FILE] [-t] [-e] [-V]. */
#ifndef BERTH_DAEMON_OPTIONS_H
#define BERTH_DAEMON_OPTIONS_H

#include <stdbool.h>

struct daemon_options {
	const char *config_file; /* -f, or BERTH_CONFIG_FILE */
	bool test, log_to_stderr; /* -t, -e */
};

/* daemon_options_parse: program: its name; tests: what -t looks at, for the usage. Returns -1 to go on, or the exit status:
 * -V has been answered, or the usage shown. */
int daemon_options_parse(struct daemon_options *options, const char *program, const char *tests, int argc, char **argv);

#endif
