#include "admin_cmd/why/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/flags.h"
#include "admin_cmd/local_store.h"
#include "admin_cmd/since.h"
#include "common/model/timestamp.h"

#define LAST_DEFAULT 10
#define SINCE_DEFAULT "7d"

static const char usage[] =
    "usage: berth why USER [FLAG ...]\n"
    "\n"
    "Prints the last times that USER was refused: when, from where, by whom, why, and what to do.\n"
    "\n"
    "  --since TIME              so far back: 30m, 2h or 1d ago, or since 2026-11-22; default: " SINCE_DEFAULT "\n"
    "  --last N                  so many at most, the newest; default: 10\n"
    "  --log FILE                this log file, and not the journal or /var/log/auth.log\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  default: a list for people\n"
    "\n"
    "Exit status: 0, 1 no refusal is known, 252 wrong flags, 255 the log can't be read.\n";

enum { FLAG_SINCE = FLAG_OWN, FLAG_LAST, FLAG_LOG };

static const struct option options[] = {
	{ "since", required_argument, NULL, FLAG_SINCE },
	{ "last", required_argument, NULL, FLAG_LAST },
	{ "log", required_argument, NULL, FLAG_LOG },
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	double since;
	size_t last;
	const char *log;
};

static int
take_last(const struct flags *flags, struct arguments *arguments)
{
	if (optarg[0] < '1' || optarg[0] > '9' || strspn(optarg, "0123456789") != strlen(optarg) || strlen(optarg) > 9)
		return flags_wrong(flags, "argument --last: not a number above 0: ", optarg);
	arguments->last = strtoul(optarg, NULL, 10);
	return COMMAND_OK;
}

static int
take(const struct flags *flags, void *context, int code)
{
	struct arguments *arguments = context;

	switch (code) {
	case FLAG_LAST:
		return take_last(flags, arguments);
	case FLAG_LOG:
		arguments->log = optarg;
		return COMMAND_OK;
	}
	arguments->since = since_read(optarg);
	if (arguments->since >= 0)
		return COMMAND_OK;
	return flags_wrong(flags, "argument --since: no time (10m, 2h, 2026-11-22, 2026-11-22T10:30:00Z): ", optarg);
}

/* A configuration that can't be read is no reason not to look: its defaults say who the services are. */
static void
pass_over(void *context, const char *fault)
{
	(void)context;
	(void)fault;
}

static int
read_logs(struct why *why, const struct arguments *arguments, const struct command_globals *globals)
{
	struct config config;
	int read;

	if (arguments->log != NULL)
		return why_read_file(why, arguments->log);
	if (config_load(&config, globals->config_file, pass_over, NULL) != 0) {
		config_free(&config);
		config_parse(&config, "", "", 0, pass_over, NULL);
	}
	read = why_read_journal(why, &config);
	config_free(&config);
	return read == 0 ? why_read_files(why) : read;
}

static int
tell(const char *user, const struct arguments *arguments, const struct command_globals *globals)
{
	struct why why = { .user = user, .since = arguments->since };
	int result = COMMAND_FAILED;

	if (read_logs(&why, arguments, globals) < 0)
		goto out;
	why_collect(&why, arguments->last);
	if (why.out_of_memory)
		fputs(WHY_COMMAND ": no memory\n", stderr);
	else if (why.count == 0 && arguments->log == NULL && geteuid() != 0)
		fputs(WHY_COMMAND ": nothing is found in what you may read of the log: sudo berth why\n", stderr);
	else if (why_print(&why, globals->output) == 0)
		result = why.count > 0 ? COMMAND_OK : COMMAND_FAULTS;
out:
	why_free(&why);
	return result;
}

int
why_command(int argc, char **argv, struct command_globals *globals)
{
	static const struct flags flags = { WHY_COMMAND, usage, "unknown option ", options, take };
	struct arguments arguments = { .since = since_read(SINCE_DEFAULT), .last = LAST_DEFAULT };
	int result = flags_read(&flags, argc, argv, globals, &arguments);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (optind == argc || argv[optind][0] == '\0')
		return flags_wrong(&flags, "the following arguments are required: ", "USER");
	if (optind + 1 < argc)
		return flags_wrong(&flags, "one user at a time: ", argv[optind + 1]);
	return tell(argv[optind], &arguments, globals);
}
