/*
 * berth tail: the transfer log, its newest events and those that come.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_cmd/flags.h"
#include "admin_cmd/local_store.h"
#include "admin_cmd/since.h"
#include "admin_cmd/tail/tail_follow.h"
#include "common/wire/wire.h"

#define LINES_DEFAULT 10

static const char usage[] =
    "usage: berth tail [-f] [-n N] [FLAG ...]\n"
    "\n"
    "Prints the newest events of the transfer log: who did what.\n"
    "\n"
    "  -f, --follow              go on with the events that come, also when the log is rotated\n"
    "  -n, --lines N|all         so many of those that are there; default: 10, with --since all\n"
    "  --user-name NAME          of this user; also --user\n"
    "  --operation NAME[,NAME]   session-open, session-close, put, get, append, list, mkdir, rmdir, rename, remove,\n"
    "                            link, symlink, setstat, dropped, other; may be given several times\n"
    "  --complete                whole transfers alone: put, get and append that ended well\n"
    "  --session ID              of this session, as `berth sessions` shows it\n"
    "  --server-id ID            of this server\n"
    "  --since TIME              30s, 10m, 2h or 1d ago, or since 2026-11-22, or 2026-11-22T10:30:00Z\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  default: table; json: the log's own lines, byte for byte\n"
    "\n"
    "Exit status: 0 done, 252 wrong flags, 255 the log can't be read.\n";

enum { FLAG_USER = FLAG_OWN, FLAG_OPERATION, FLAG_COMPLETE, FLAG_SESSION, FLAG_SERVER, FLAG_SINCE };

static const struct option options[] = {
	{ "follow", no_argument, NULL, 'f' },
	{ "lines", required_argument, NULL, 'n' },
	{ "user-name", required_argument, NULL, FLAG_USER },
	{ "user", required_argument, NULL, FLAG_USER },
	{ "operation", required_argument, NULL, FLAG_OPERATION },
	{ "complete", no_argument, NULL, FLAG_COMPLETE },
	{ "session", required_argument, NULL, FLAG_SESSION },
	{ "server-id", required_argument, NULL, FLAG_SERVER },
	{ "since", required_argument, NULL, FLAG_SINCE },
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	struct tail_filter filter;
	uint64_t count;
	bool follow, count_given;
};

static int
take_count(const struct flags *flags, struct arguments *arguments)
{
	char *end;

	arguments->count_given = true;
	arguments->count = TAIL_ALL;
	if (strcmp(optarg, "all") == 0)
		return COMMAND_OK;
	if (optarg[0] < '0' || optarg[0] > '9' || strlen(optarg) > 18)
		return flags_wrong(flags, "argument --lines: neither a number nor \"all\": ", optarg);
	arguments->count = strtoull(optarg, &end, 10);
	return *end == '\0' ? COMMAND_OK : flags_wrong(flags, "argument --lines: neither a number nor \"all\": ", optarg);
}

/* The message lists the names that there are. */
static int
wrong_operation(const struct flags *flags, const char *name)
{
	char problem[512] = "argument --operation: none of ";

	for (unsigned i = 1; i < EVENT_OPERATIONS; i++) {
		size_t used = strlen(problem);

		snprintf(problem + used, sizeof(problem) - used, "%s%s", event_operation_name((enum event_operation)i),
		    i + 1 < EVENT_OPERATIONS ? ", " : ": ");
	}
	return flags_wrong(flags, problem, name);
}

static int
take_operations(const struct flags *flags, struct arguments *arguments)
{
	const char *at = optarg;
	char name[64];

	for (;; at++) {
		size_t length = strcspn(at, ",");
		enum event_operation operation;

		snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name)), at);
		if (length >= sizeof(name) || (operation = event_operation_find(name)) == 0)
			return wrong_operation(flags, name);
		arguments->filter.operations |= tail_operation_bit(operation);
		at += length;
		if (*at == '\0')
			return COMMAND_OK;
	}
}

static int
take_since(const struct flags *flags, struct arguments *arguments)
{
	double seconds = since_read(optarg);
	time_t whole = (time_t)seconds;
	char date[sizeof("2026-11-22T10:30:00")];
	struct tm utc;

	if (seconds < 0 || gmtime_r(&whole, &utc) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return flags_wrong(flags, "argument --since: no time (10m, 2h, 2026-11-22, 2026-11-22T10:30:00Z): ", optarg);
	snprintf(arguments->filter.since, sizeof(arguments->filter.since), "%s.%06uZ", date,
	    (unsigned)((seconds - (double)whole) * 1e6) % 1000000);
	return COMMAND_OK;
}

static int
take_user(const struct flags *flags, struct arguments *arguments)
{
	arguments->filter.user = optarg;
	return user_name_valid(optarg) ? COMMAND_OK : flags_wrong(flags, "argument --user-name: no user's name: ", optarg);
}

static int
take_session(const struct flags *flags, struct arguments *arguments)
{
	arguments->filter.session = optarg;
	if (session_id_valid(optarg))
		return COMMAND_OK;
	return flags_wrong(flags, "argument --session: no session's id, which has 16 hexadecimal digits: ", optarg);
}

static int
take_server(const struct flags *flags, struct arguments *arguments)
{
	arguments->filter.server = optarg;
	if (strlen(optarg) == SERVER_ID_LENGTH && strncmp(optarg, "s-", 2) == 0 &&
	    strspn(optarg + 2, "0123456789abcdef") == SERVER_ID_LENGTH - 2)
		return COMMAND_OK;
	return flags_wrong(flags, "argument --server-id: no server's id, s- and 17 hexadecimal digits: ", optarg);
}

static int
take_flag(const struct flags *flags, void *context, int code)
{
	struct arguments *arguments = context;

	switch (code) {
	case 'f':
		arguments->follow = true;
		return COMMAND_OK;
	case 'n':
		return take_count(flags, arguments);
	case FLAG_USER:
		return take_user(flags, arguments);
	case FLAG_OPERATION:
		return take_operations(flags, arguments);
	case FLAG_COMPLETE:
		arguments->filter.complete = true;
		return COMMAND_OK;
	case FLAG_SESSION:
		return take_session(flags, arguments);
	case FLAG_SERVER:
		return take_server(flags, arguments);
	}
	return take_since(flags, arguments);
}

static int
run(const struct config *config, const struct arguments *arguments, enum output_format format)
{
	struct tail tail = { .path = config->transfer_log_file, .filter = arguments->filter, .fd = -1 };
	int result;

	if (config->transfer_log == TRANSFER_LOG_OFF)
		fputs("berth tail: the configuration has TransferLog off: nothing is written to the log\n", stderr);
	tail.count = arguments->filter.since[0] == '\0' ? LINES_DEFAULT : TAIL_ALL;
	if (arguments->count_given)
		tail.count = arguments->count;
	tail_printer_start(&tail.printer, format);
	if (tail_lines_new(&tail.lines) == -1) {
		fputs("berth tail: no memory\n", stderr);
		return COMMAND_FAILED;
	}
	result = arguments->follow ? tail_follow(&tail) : tail_last(&tail);
	if (tail.fd != -1)
		close(tail.fd);
	tail_lines_free(&tail.lines);
	return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}

int
tail_command(int argc, char **argv, struct command_globals *globals)
{
	static const struct flags command_line = { "berth tail", usage, "unknown option ", options, take_flag };
	struct arguments arguments = { .count_given = false };
	struct config config;
	int result = flags_read(&command_line, argc, argv, globals, &arguments);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (optind < argc)
		return flags_wrong(&command_line, "Unknown options: ", argv[optind]);
	result = COMMAND_FAILED;
	if (local_store_config("berth tail", globals->config_file, &config) == 0)
		result = run(&config, &arguments, globals->output);
	config_free(&config);
	return result;
}
