#include "admin_cmd/import/import_flags.h"

#include <stdlib.h>
#include <string.h>

#include "admin_cmd/flags.h"
#include "common/host/config_value.h"

static const char usage[] =
    "usage: berth import [FLAG ...] [FILE]\n"
    "       berth import --from passwd [--group FILE] [--authorized-keys DIR] [--role ARN] [--target PATH] FILE\n"
    "       berth import --from users.conf [--home DIR] [--gid N] [--role ARN] FILE\n"
    "       berth import --from transfer:[https://HOST[:PORT]] [--from-server-id ID] [--profile NAME] [--region NAME]\n"
    "           [--ca-bundle FILE] [--resume]\n"
    "\n"
    "Takes users, one line of JSON each as `berth export` writes them, into a server. Without FILE, or with -, it\n"
    "reads stdin. With --from, users come from what other servers keep them in, or from a Transfer API: AWS's own\n"
    "(transfer:), or another host's berth-api.\n"
    "\n"
    "  --server-id ID            default: the configuration's ServerId; transfer: or else the same as there\n"
    "  --replace                 a user who differs becomes what the line says; else such a line is refused\n"
    "  --dry-run                 judge every line, write nothing\n"
    "  --from passwd|users.conf  FILE is a passwd file, or the users.conf of the atmoz/sftp image\n"
    "  --from transfer:[URL]     the users of a server of AWS Transfer, or of the berth-api at URL\n"
    "  --from-server-id ID       transfer: that server; default: the only one there\n"
    "  --profile NAME            transfer: whose credentials; default: as the AWS command line finds them\n"
    "  --region NAME             transfer: default: the configuration's Region\n"
    "  --ca-bundle FILE          transfer: certificates to trust, PEM; default: the system's\n"
    "  --resume                  transfer: don't ask about users who are here already\n"
    "  --role ARN                the users' role; default: arn:aws:iam::ACCOUNT:role/berth\n"
    "  --group FILE              passwd: where the secondary groups stand\n"
    "  --authorized-keys DIR     passwd: DIR/NAME, DIR/NAME/authorized_keys or DIR/NAME/.ssh/authorized_keys\n"
    "  --target PATH             passwd: instead of the home directory, such as /bucket/home/${Transfer:UserName}\n"
    "  --home DIR                users.conf: where the users' directories are; default: /home\n"
    "  --gid N                   users.conf: for users without a gid, or with one below MinGid\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  of the summary; json lists the refused lines\n"
    "\n"
    "Exit status: 0 all is in, 1 some lines were refused, 252 wrong flags, 255 failure.\n";

enum {
	FLAG_SERVER_ID = FLAG_OWN, FLAG_REPLACE, FLAG_DRY_RUN, FLAG_FROM, FLAG_ROLE, FLAG_GROUP, FLAG_KEYS, FLAG_TARGET,
	FLAG_HOME, FLAG_GID, FLAG_FROM_SERVER_ID, FLAG_PROFILE, FLAG_REGION, FLAG_CA_BUNDLE, FLAG_RESUME,
};

static const struct option options[] = {
	{ "config", required_argument, NULL, FLAG_CONFIG },
	{ "output", required_argument, NULL, FLAG_OUTPUT },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ "server-id", required_argument, NULL, FLAG_SERVER_ID },
	{ "replace", no_argument, NULL, FLAG_REPLACE },
	{ "dry-run", no_argument, NULL, FLAG_DRY_RUN },
	{ "from", required_argument, NULL, FLAG_FROM },
	{ "role", required_argument, NULL, FLAG_ROLE },
	{ "group", required_argument, NULL, FLAG_GROUP },
	{ "authorized-keys", required_argument, NULL, FLAG_KEYS },
	{ "target", required_argument, NULL, FLAG_TARGET },
	{ "home", required_argument, NULL, FLAG_HOME },
	{ "gid", required_argument, NULL, FLAG_GID },
	{ "from-server-id", required_argument, NULL, FLAG_FROM_SERVER_ID },
	{ "profile", required_argument, NULL, FLAG_PROFILE },
	{ "region", required_argument, NULL, FLAG_REGION },
	{ "ca-bundle", required_argument, NULL, FLAG_CA_BUNDLE },
	{ "resume", no_argument, NULL, FLAG_RESUME },
	{ NULL, 0, NULL, 0 },
};

static int
take_gid(const struct flags *flags, struct import_source_flags *source)
{
	if (!import_source_number(optarg, &source->gid))
		return flags_wrong(flags, "argument --gid: not a gid: ", optarg);
	source->has_gid = true;
	return COMMAND_OK;
}

/* Where a flag's text goes; NULL for a flag that is no plain text. */
static const char **
text_of(int code, struct import_flags *flags)
{
	switch (code) {
	case FLAG_SERVER_ID:
		return &flags->server_id;
	case FLAG_FROM:
		return &flags->from;
	case FLAG_ROLE:
		return &flags->source.role;
	case FLAG_GROUP:
		return &flags->source.group_file;
	case FLAG_KEYS:
		return &flags->source.keys_directory;
	case FLAG_TARGET:
		return &flags->source.target;
	case FLAG_HOME:
		return &flags->source.home;
	case FLAG_FROM_SERVER_ID:
		return &flags->transfer.from_server_id;
	case FLAG_PROFILE:
		return &flags->transfer.profile;
	case FLAG_REGION:
		return &flags->transfer.region;
	case FLAG_CA_BUNDLE:
		return &flags->transfer.ca_file;
	}
	return NULL;
}

static int
take_flag(const struct flags *flags, void *context, int code)
{
	struct import_flags *given = context;
	const char **text = text_of(code, given);

	if (text != NULL)
		*text = optarg;
	else if (code == FLAG_REPLACE)
		given->replace = true;
	else if (code == FLAG_DRY_RUN)
		given->dry_run = true;
	else if (code == FLAG_RESUME)
		given->transfer.resume = true;
	else if (code == FLAG_GID)
		return take_gid(flags, &given->source);
	return COMMAND_OK;
}

static const struct flags command_line = { "berth import", usage, "unknown option ", options, take_flag };

int
import_flags_wrong(const char *problem, const char *word)
{
	return flags_wrong(&command_line, problem, word);
}

static int
check_transfer(const struct import_flags *flags)
{
	const struct import_transfer_flags *transfer = &flags->transfer;
	char *store = NULL, text[200];
	const char *problem;

	problem = config_value_store(&store, flags->from);
	if (problem != NULL) {
		snprintf(text, sizeof(text), "argument --from: %s: ", problem);
		return import_flags_wrong(text, flags->from);
	}
	free(store);
	if (flags->file != NULL)
		return import_flags_wrong("with --from transfer: there is no file: ", flags->file);
	if (flags->source.role != NULL)
		return import_flags_wrong("--role goes with --from passwd and users.conf", "");
	if (transfer->resume && flags->replace)
		return import_flags_wrong("--resume passes over those who are here, and --replace compares them: one of "
		    "both", "");
	if (transfer->region != NULL && (transfer->region[0] == '\0' ||
	    transfer->region[strspn(transfer->region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0'))
		return import_flags_wrong("argument --region: lower-case letters, digits and - alone: ", transfer->region);
	return COMMAND_OK;
}

static bool
has_transfer_flags(const struct import_transfer_flags *transfer)
{
	return transfer->from_server_id != NULL || transfer->profile != NULL || transfer->region != NULL ||
	    transfer->ca_file != NULL || transfer->resume;
}

/* Flags that say something about a source go with that source. */
static int
check_source(struct import_flags *flags)
{
	const struct import_source_flags *source = &flags->source;
	bool passwd = flags->from != NULL && strcmp(flags->from, "passwd") == 0;
	bool users_conf = flags->from != NULL && strcmp(flags->from, "users.conf") == 0;
	bool transfer = flags->from != NULL && strncmp(flags->from, CONFIG_REMOTE_STORE, strlen(CONFIG_REMOTE_STORE)) == 0;

	if (flags->from != NULL && !passwd && !users_conf && !transfer)
		return import_flags_wrong("argument --from: neither passwd nor users.conf nor transfer: ", flags->from);
	if (!transfer && has_transfer_flags(&flags->transfer))
		return import_flags_wrong("--from-server-id, --profile, --region, --ca-bundle and --resume go with --from "
		    "transfer:", "");
	if (!passwd && (source->group_file != NULL || source->keys_directory != NULL || source->target != NULL))
		return import_flags_wrong("--group, --authorized-keys and --target go with --from passwd", "");
	if (!users_conf && (source->home != NULL || source->has_gid))
		return import_flags_wrong("--home and --gid go with --from users.conf", "");
	if (flags->from == NULL && source->role != NULL)
		return import_flags_wrong("--role goes with --from", "");
	if (source->home != NULL && source->home[0] != '/')
		return import_flags_wrong("argument --home: not an absolute path: ", source->home);
	if (!transfer)
		return COMMAND_OK;
	flags->transfer.url = flags->from + strlen(CONFIG_REMOTE_STORE);
	return check_transfer(flags);
}

int
import_flags_read(int argc, char **argv, struct import_flags *flags, struct command_globals *globals)
{
	int result;

	memset(flags, 0, sizeof(*flags));
	result = flags_read(&command_line, argc, argv, globals, flags);
	if (result != COMMAND_OK || globals->help)
		return result;
	if (argc - optind > 1)
		return import_flags_wrong("only one file: ", argv[optind + 1]);
	if (optind < argc)
		flags->file = argv[optind];
	return check_source(flags);
}

int
import_flags_help(void)
{
	return command_print(usage);
}
