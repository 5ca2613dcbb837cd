/* The keys command, as sshd runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "admin_cmd/doctor/places.h"
#include "admin_cmd/run_program.h"
#include "admin_cmd/wiring/sshd_settings.h"
#include "common/host/identity.h"
#include "common/host/paths.h"
#include "keys_cmd/pam_stack.h"

#define LINK "keys-command"
#define PROGRAM "/usr/libexec/berth/berth-keys"
#define ARGUMENTS "%u %U %t %k"
#define SECONDS (LOOKUP_SECONDS_MAX + 5)
#define VALUE_MAX 1024
#define RESTART checks_service("systemctl restart berthd", "Stop berthd and start it again, as this host starts daemons.")

/* check_program: sshd runs nothing that somebody else than root could have put there. */
static bool
check_program(struct checks *checks)
{
	char cure[CURE_MAX], word[PATH_MAX];
	struct place_mount mount = { .point = "" };
	struct place_fault fault;
	struct statvfs status;
	struct stat file;
	int judged = place_judge_path(PROGRAM, &fault);

	if (judged < 0)
		check_fault(checks, LINK, "apt-get install --reinstall berth", PROGRAM ": %s",
		    strerror(errno));
	else if (judged == 1)
		check_fault(checks, LINK, fault.cure, "sshd doesn't run " PROGRAM ": %s", fault.found);
	if (judged != 0)
		return false;
	if (stat(PROGRAM, &file) == 0 && (file.st_mode & 0555) != 0555) {
		check_fault(checks, LINK, "chmod a+rx " PROGRAM, PROGRAM " has mode %04o, and isn't run by root",
		    file.st_mode & 07777);
		return false;
	}
	if (statvfs(PROGRAM, &status) != 0 || (status.f_flag & ST_NOEXEC) == 0)
		return true;
	place_mount_find(PROGRAM, &mount);
	check_fault(checks, LINK,
	    cure_format(cure, "mount -o remount,exec %s", place_word(mount.point, word)),
	    PROGRAM " can't be run: the file system at %s is mounted noexec", mount.point);
	return false;
}

/* check_settings: what sshd calls, and as whom; for any user, before a Match block has its say. */
static bool
check_settings(struct checks *checks, const struct sshd_settings *settings, char user[VALUE_MAX])
{
	char command[VALUE_MAX] = "none";

	user[0] = '\0';
	sshd_settings_value(settings, "authorizedkeyscommand", 0, command, sizeof(command));
	sshd_settings_value(settings, "authorizedkeyscommanduser", 0, user, VALUE_MAX);
	if (strcmp(command, PROGRAM " " ARGUMENTS) != 0) {
		check_fault(checks, LINK, "berth setup",
		    "sshd's AuthorizedKeysCommand is \"%s\", not \"%s\"", command, PROGRAM " " ARGUMENTS);
		return false;
	}
	if (checks->doctor->configured && strcmp(user, checks->config->keys_user) != 0) {
		check_fault(checks, LINK,
		    "Let AuthorizedKeysCommandUser of sshd_config and KeysUser of berth.conf be one account, then reload "
		    "both.",
		    "sshd runs it as %s, and the agent gives keys to KeysUser %s alone", user, checks->config->keys_user);
		return false;
	}
	return true;
}

/* run_it: for the user that there is to try, whose keys it must print. */
static void
run_it(struct checks *checks, const char *user)
{
	const struct program_options options = { .user = user, .seconds = SECONDS };
	char uid[16];
	const char *const argv[] = { PROGRAM, checks->probe.name, uid, NULL };
	struct program_result result;

	snprintf(uid, sizeof(uid), "%u", checks->probe.uid);
	if (run_program(argv, &options, &result) != 0)
		check_fault(checks, LINK, "apt-get install --reinstall berth", PROGRAM ", run as %s: %s", user,
		    identity_problem(errno));
	else if (result.timed_out)
		check_fault(checks, LINK, RESTART, PROGRAM " gives no answer in %d s",
		    SECONDS);
	else if (result.status != 0)
		check_fault(checks, LINK, "Put right what it complains of: its line in the log, or here.",
		    "run as %s for %s it ended with status %d: %s", user, checks->probe.name, result.status,
		    program_said(&result));
	else if (result.output_length == 0 && checks->probe.key_count > 0)
		check_fault(checks, LINK, RESTART,
		    "run as %s it gives no key for %s, who has %zu", user, checks->probe.name, checks->probe.key_count);
	else
		check_ok(checks, LINK, "run as %s it gives %s for %s", user,
		    result.output_length > 0 ? "keys" : "no keys, for there are none,", checks->probe.name);
	program_free(&result);
}

void
check_keys_command(struct checks *checks)
{
	struct sshd_settings settings;
	char why[SSHD_WHY_MAX], stack[SSHD_WHY_MAX], user[VALUE_MAX];
	bool well;

	if (!check_program(checks))
		return;
	if (checks->nss_hangs || sshd_settings_read(&settings, NULL, NULL, why) != 0) {
		check_unknown(checks, LINK, "the program is well; how sshd runs it takes %s",
		    checks->nss_hangs ? "NSS" : "a configuration that sshd can read");
		return;
	}
	well = check_settings(checks, &settings, user);
	sshd_settings_free(&settings);
	if (!well)
		return;
	if (!checks->agent_well)
		check_unknown(checks, LINK, "sshd would run it as %s; its answer takes the agent", user);
	else if (!pam_stack_seals(stack, sizeof(stack)))
		check_unknown(checks, LINK, "it gives no keys until PAM's lines are in their places");
	else if (checks->probe.name[0] == '\0')
		check_ok(checks, LINK, "sshd would run it as %s; there is no user to try", user);
	else
		run_it(checks, user);
}
