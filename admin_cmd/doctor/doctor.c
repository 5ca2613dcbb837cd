/*
 * berth doctor: the host's links, or users' logins, and a verdict.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/command.h"
#include "admin_cmd/doctor/checks.h"
#include "admin_cmd/doctor/doctor.h"
#include "admin_cmd/flags.h"

static const char usage[] =
    "usage: berth doctor [FLAG ...]\n"
    "       berth doctor USER [--key FILE] [--from ADDRESS] [FLAG ...]\n"
    "\n"
    "Looks at every link of the chain that a login hangs on, in order, and says what it found and what to do; or walks a\n"
    "user's login, without logging in. Changes nothing. Root alone can look.\n"
    "\n"
    "  --key FILE                the public key that the user comes with; otherwise any of the user's\n"
    "  --from ADDRESS            where the user comes from, for sshd's Match blocks\n"
    "  --config FILE             default: /etc/berth/berth.conf\n"
    "  --output json|text|table  default: table, for people\n"
    "\n"
    "Exit status: 0 no fault, 1 faults, 252 wrong flags, 255 it can't look.\n";

enum { FLAG_KEY = FLAG_OWN, FLAG_FROM };

static int
take(const struct flags *flags, void *context, int code)
{
	struct doctor *doctor = context;

	(void)flags;
	if (code == FLAG_KEY)
		doctor->key_file = optarg;
	else
		doctor->client = optarg;
	return COMMAND_OK;
}

/* check_host: what a later link needs to know of an earlier one stands in struct checks. */
static void
check_host(struct doctor *doctor)
{
	static void (*const CHECKS[])(struct checks *) = {
		check_configuration,
		check_accounts,
		check_store,
		check_remote,
		check_files,
		check_agent,
		check_nss,
		check_keys_command,
		check_pam,
		check_sshd,
		check_kernel,
		check_data,
		check_transfer_log,
		check_log,
		check_nologin,
		check_clock,
		check_api,
	};
	struct checks checks = { .doctor = doctor, .findings = &doctor->findings, .config = &doctor->config };

	for (size_t i = 0; i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++)
		CHECKS[i](&checks);
}

/* check_user: the configuration says which store and which data root; nothing can be said of a user without it. */
static void
check_user(struct doctor *doctor, const char *name, char verdict[WALK_VERDICT_MAX])
{
	struct checks checks = { .doctor = doctor, .findings = &doctor->findings, .config = &doctor->config };

	check_configuration(&checks);
	if (doctor->configured)
		walk_user(doctor, name, verdict);
	else
		snprintf(verdict, WALK_VERDICT_MAX, "The configuration can't be used, so nobody of Berth's can log in.");
}

static void
write_verdict(const struct findings *findings, char verdict[WALK_VERDICT_MAX])
{
	size_t faults = findings_count(findings, FINDING_FAULT), warnings = findings_count(findings, FINDING_WARNING);
	const struct finding *first = findings_first_fault(findings);
	char also[64] = "";

	if (warnings > 0)
		snprintf(also, sizeof(also), ", %zu warning%s", warnings, warnings == 1 ? "" : "s");
	if (first == NULL)
		snprintf(verdict, WALK_VERDICT_MAX, "No fault%s: the host lets Berth's users in.", also);
	else if (faults == 1)
		snprintf(verdict, WALK_VERDICT_MAX, "1 fault%s: %s.", also, first->link);
	else
		snprintf(verdict, WALK_VERDICT_MAX, "%zu faults%s. Begin with the first, %s: later ones may come of it.",
		    faults, also, first->link);
}

int
doctor_command(int argc, char **argv, struct command_globals *globals)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, FLAG_KEY },
		{ "from", required_argument, NULL, FLAG_FROM },
		FLAGS_OF_ALL,
		{ NULL, 0, NULL, 0 },
	};
	static const struct flags flags = { "berth doctor", usage, "unknown option ", options, take };
	struct doctor doctor = { .config_file = NULL };
	int result = flags_read(&flags, argc, argv, globals, &doctor);
	char verdict[WALK_VERDICT_MAX];

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (argc - optind > 1)
		return flags_wrong(&flags, "one user at a time: ", argv[optind + 1]);
	if (optind == argc && (doctor.key_file != NULL || doctor.client != NULL))
		return flags_wrong(&flags, "--key and --from are a user's: ", "name the user");
	if (geteuid() != 0) {
		fputs("berth doctor: only root can look at all of it: sudo berth doctor\n", stderr);
		return COMMAND_FAILED;
	}
	doctor.config_file = globals->config_file;
	if (optind < argc) {
		check_user(&doctor, argv[optind], verdict);
	} else {
		check_host(&doctor);
		write_verdict(&doctor.findings, verdict);
	}
	result = findings_print(&doctor.findings, globals->output, verdict);
	config_free(&doctor.config);
	findings_free(&doctor.findings);
	return result;
}
