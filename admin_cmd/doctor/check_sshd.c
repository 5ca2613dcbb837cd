/* sshd: what it makes of its configuration for one of Berth's users, and whether it runs with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/doctor/checks.h"
#include "admin_cmd/doctor/sshd_access.h"
#include "admin_cmd/doctor/sshd_files.h"
#include "admin_cmd/doctor/sshd_process.h"
#include "admin_cmd/wiring/sshd_settings.h"

#define LINK "sshd"
#define DROP_IN SSHD_CONFIG_DIR "/berth.conf"
#define VALUE_MAX 4096
#define CLIENT "192.0.2.1" /* an address for documentation: nobody's */
#define SFTP "internal-sftp"
#define GRACE_SECONDS 5    /* for all of a login but its lookups and targets */
#define RELOAD checks_service("systemctl reload ssh", "reload sshd")

struct expectation {
	const char *keyword, *value; /* as in the files; sshd -T has keywords in lower case */
	enum finding_level level;
	const char *because;
};

/* Of every login. */
static const struct expectation ALWAYS[] = {
	{ "UsePAM", "yes", FINDING_FAULT, "without PAM no user of Berth gets in" },
	{ "PubkeyAuthentication", "yes", FINDING_FAULT, "Berth's users have keys alone" },
};

/* Of Berth's users: the Match block. */
static const struct expectation MATCHED[] = {
	{ "AuthenticationMethods", "publickey", FINDING_FAULT, "Berth's users have keys alone" },
	{ "AuthorizedKeysFile", "none", FINDING_FAULT, "a file of the host would let in who isn't the record's" },
	{ "TrustedUserCAKeys", "none", FINDING_FAULT, "a certificate would let in who isn't the record's" },
	{ "ChrootDirectory", "none", FINDING_FAULT, "the view is the user's root already, and sshd would look for this "
	"inside it" },
	{ "DisableForwarding", "yes", FINDING_WARNING, "Berth's users are for sftp alone" },
	{ "X11Forwarding", "no", FINDING_WARNING, "Berth's users are for sftp alone" },
	{ "AllowAgentForwarding", "no", FINDING_WARNING, "Berth's users are for sftp alone" },
	{ "PermitTTY", "no", FINDING_WARNING, "Berth's users are for sftp alone" },
	{ "PermitUserRC", "no", FINDING_WARNING, "the user could say what runs at a login" },
};

/* setting: of a keyword in any case; "" when there is none. */
static const char *
setting(const struct sshd_settings *settings, const char *keyword, char *value)
{
	char lower[64];
	size_t i;

	for (i = 0; keyword[i] != '\0' && i < sizeof(lower) - 1; i++)
		lower[i] = (char)(keyword[i] | 0x20);
	lower[i] = '\0';
	value[0] = '\0';
	sshd_settings_value(settings, lower, 0, value, VALUE_MAX);
	return value;
}

static void
add_setting(struct checks *checks, const struct expectation *expected, const char *value)
{
	char cure[CURE_MAX], where[512], at[600] = "";

	sshd_files_find(expected->keyword, expected->value, where, sizeof(where));
	if (where[0] != '\0')
		snprintf(at, sizeof(at), " (%s says otherwise)", where);
	cure_format(cure, "Set \"%s %s\"%s, then %s.", expected->keyword, expected->value, at, RELOAD);
	findings_add(checks->findings, expected->level, LINK, cure, "%s is %.200s: %s", expected->keyword,
	    value[0] != '\0' ? value : "not set", expected->because);
}

static void
expect(struct checks *checks, const struct sshd_settings *settings, const struct expectation *expected, size_t count)
{
	char value[VALUE_MAX];

	for (size_t i = 0; i < count; i++)
		if (strcasecmp(setting(settings, expected[i].keyword, value), expected[i].value) != 0)
			add_setting(checks, &expected[i], value);
}

/* expect_sftp: the command, which must be the one that needs no file inside the view. */
static void
expect_sftp(struct checks *checks, const struct sshd_settings *settings)
{
	struct expectation expected = { "ForceCommand", SFTP " -l VERBOSE", FINDING_FAULT,
		"nothing else is there to be run inside a view" };
	char value[VALUE_MAX];
	size_t length = strlen(SFTP);

	setting(settings, expected.keyword, value);
	if (strncmp(value, SFTP, length) == 0 && (value[length] == ' ' || value[length] == '\0')) {
		if (strstr(value, "-l VERBOSE") != NULL || strstr(value, "-l DEBUG") != NULL)
			return;
		expected.level = FINDING_WARNING;
		expected.because = "below VERBOSE the transfer log can't always tell what failed";
	}
	add_setting(checks, &expected, value);
}

static void
expect_algorithms(struct checks *checks, const struct sshd_settings *settings)
{
	static const char *const NEEDED[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	    "ecdsa-sha2-nistp521",
		"rsa-sha2-512" };
	char value[VALUE_MAX], list[VALUE_MAX + 2], one[64], missing[256] = "";
	size_t used = 0;

	snprintf(list, sizeof(list), ",%s,", setting(settings, "PubkeyAcceptedAlgorithms", value));
	for (size_t i = 0; i < sizeof(NEEDED) / sizeof(NEEDED[0]); i++) {
		snprintf(one, sizeof(one), ",%s,", NEEDED[i]);
		if (strstr(list, one) == NULL)
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s", used > 0 ? ", " : "",
			    NEEDED[i]);
	}
	if (used > 0)
		check_warning(checks, LINK,
		    "Add them to PubkeyAcceptedAlgorithms, or give these users other keys.",
		    "PubkeyAcceptedAlgorithms leaves out %s: keys of these types let nobody in", missing);
}

/* expect_numbers: limits that a login would run into. */
static void
expect_numbers(struct checks *checks, const struct sshd_settings *settings)
{
	const struct config *config = checks->config;
	char value[VALUE_MAX], cure[CURE_MAX];
	unsigned long grace = strtoul(setting(settings, "LoginGraceTime", value), NULL, 10), needed, bits;

	needed = config->target_seconds + GRACE_SECONDS + (config_store_is_remote(config) ? 2 * config->lookup_seconds : 0);
	if (grace > 0 && grace < needed)
		check_warning(checks, LINK,
		    cure_format(cure, "Set \"LoginGraceTime %lu\" or more, then %s.", needed, RELOAD),
		    "LoginGraceTime is %lu s, and a login may take %lu s (TargetSeconds, LookupSeconds)", grace, needed);
	if (strtoul(setting(settings, "MaxStartups", value), NULL, 10) < 10)
		check_warning(checks, LINK, "Set \"MaxStartups 10:30:100\" or more in sshd_config.",
		    "MaxStartups is %s: a few logins at once keep others out", value);
	if (strcmp(setting(settings, "MaxSessions", value), "0") == 0)
		check_fault(checks, LINK, "Set \"MaxSessions 10\" in sshd_config.",
		    "MaxSessions is 0: no sftp can begin");
	bits = strtoul(setting(settings, "RequiredRSASize", value), NULL, 10);
	if (bits > config->min_rsa_bits)
		check_warning(checks, LINK,
		    cure_format(cure, "Set \"MinRsaBits %lu\" in %s, so that such keys are refused when they are imported.",
		    bits,
		        checks->doctor->config_file),
		    "RequiredRSASize is %lu, and berth.conf takes RSA keys of %u bits, which let nobody in", bits,
		    config->min_rsa_bits);
}

/* has_subsystem: what clients ask for by name. sshd looks for the name before it runs the ForceCommand in its place. */
static bool
has_subsystem(const struct sshd_settings *settings)
{
	char value[VALUE_MAX];

	for (size_t i = 0; sshd_settings_value(settings, "subsystem", i, value, sizeof(value)) >= 0; i++)
		if (strncmp(value, "sftp ", 5) == 0)
			return true;
	return false;
}

/* block_cure: of several Match blocks that apply, the first to set something has its way. */
static const char *
block_cure(char *cure)
{
	char where[512];

	sshd_files_find("Match", "Group " BERTH_USERS_GROUP, where, sizeof(where));
	if (access(DROP_IN, F_OK) != 0 || where[0] == '\0' || strcmp(where, DROP_IN) > 0)
		return "berth setup";
	return cure_format(cure, "Let the Match of %s leave out the group (Group *,!" BERTH_USERS_GROUP "), or give its "
	    "file a name behind berth.conf; then %s.", where, RELOAD);
}

/* check_user: with the Match blocks that apply to one of Berth's users. */
static void
check_user(struct checks *checks, const struct sshd_settings *settings)
{
	char methods[VALUE_MAX], command[VALUE_MAX], forwarding[VALUE_MAX], cure[CURE_MAX];

	if (strcmp(setting(settings, "AuthenticationMethods", methods), "any") == 0 &&
	    strcmp(setting(settings, "ForceCommand", command), "none") == 0 &&
	    strcmp(setting(settings, "DisableForwarding", forwarding), "no") == 0) {
		check_fault(checks, LINK, block_cure(cure),
		    "the block \"Match Group " BERTH_USERS_GROUP "\" isn't there, or doesn't apply to %s",
		    checks->probe.name);
		return;
	}
	expect(checks, settings, MATCHED, sizeof(MATCHED) / sizeof(MATCHED[0]));
	expect_sftp(checks, settings);
	expect_algorithms(checks, settings);
	sshd_access_check(checks, settings);
}

static void
check_everybody(struct checks *checks, const struct sshd_settings *settings)
{
	expect(checks, settings, ALWAYS, sizeof(ALWAYS) / sizeof(ALWAYS[0]));
	if (!has_subsystem(settings))
		check_fault(checks, LINK, "Set \"Subsystem sftp internal-sftp\" in sshd_config.",
		    "there is no Subsystem sftp, so every sftp client is turned away");
	if (checks->doctor->configured)
		expect_numbers(checks, settings);
}

static void
check_test(struct checks *checks, const char *why)
{
	if (strstr(why, "rivilege separation directory") != NULL)
		check_fault(checks, LINK, checks_service("systemctl restart ssh", "mkdir -m 0755 " SSHD_EMPTY_DIR),
		    "sshd runs, and can let nobody in: %s", why);
	else
		check_fault(checks, LINK, "Put right what it names, then try `sshd -t`.",
		    "sshd doesn't take its configuration: %s", why);
}

/* read_settings: of everybody, and of the probe where it can be asked for. */
static void
read_settings(struct checks *checks)
{
	struct sshd_settings settings;
	char why[SSHD_WHY_MAX];

	if (sshd_settings_read(&settings, NULL, NULL, why) == 0)
		check_everybody(checks, &settings);
	sshd_settings_free(&settings);
	if (!checks->nss_well || checks->probe.name[0] == '\0') {
		check_unknown(checks, LINK, "what applies to Berth's users takes %s",
		    checks->nss_well ? "a user of the store to try" : "NSS");
		return;
	}
	if (sshd_settings_read(&settings, checks->probe.name, CLIENT, why) == 0)
		check_user(checks, &settings);
	else
		check_fault(checks, LINK, "Put right what it names, then try `sshd -t`.",
		    "sshd -T -C user=%s: %s", checks->probe.name, why);
	sshd_settings_free(&settings);
}

void
check_sshd(struct checks *checks)
{
	size_t before = checks->findings->count;
	char why[SSHD_WHY_MAX];
	struct stat status;

	if (stat(SSHD_PROGRAM, &status) != 0) {
		check_fault(checks, LINK, "apt-get install openssh-server", SSHD_PROGRAM " isn't there");
		return;
	}
	if (checks->nss_hangs) {
		check_unknown(checks, LINK, "sshd itself looks users up through NSS, which hangs");
		return;
	}
	if (sshd_test(why) != 0) {
		check_test(checks, why);
		return;
	}
	read_settings(checks);
	sshd_process_check(checks);
	if (checks->findings->count == before)
		check_ok(checks, LINK, "its settings for %s are Berth's, and it runs with them",
		    checks->probe.name);
}
