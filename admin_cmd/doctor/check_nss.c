/* NSS: as a process that starts now finds Berth's users. This process looks up nothing through it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin_cmd/doctor/places.h"
#include "admin_cmd/run_program.h"
#include "admin_cmd/wiring/nsswitch.h"

#define LINK "nss"
#define SECONDS 5
#define NSCD_SOCKET "/run/nscd/socket"

/* getent: its first line in `line` (size bytes); "" when it found nothing. 0; -1: it didn't end, or couldn't be run. */
static int
getent(struct checks *checks, const char *const argv[], char *line, size_t size)
{
	const struct program_options options = { .user = checks->accounts_well ? checks->config->keys_user : NULL,
	    .seconds = SECONDS };
	struct program_result result;
	bool over = run_program(argv, &options, &result) == 0 && !result.timed_out;

	snprintf(line, size, "%s", over && result.status == 0 ? program_said(&result) : "");
	program_free(&result);
	return over ? 0 : -1;
}

/* check_file: what the file says. */
static bool
check_file(struct checks *checks)
{
	char why[WIRING_WHY_MAX], *text = place_read(NSSWITCH_FILE);
	struct place_fault fault;
	bool well = false;

	if (text == NULL)
		check_fault(checks, LINK, "berth setup", NSSWITCH_FILE ": %s", strerror(errno));
	else if (nsswitch_judge(text, why) != 0)
		check_fault(checks, LINK, "berth setup", NSSWITCH_FILE ": %s", why);
	else
		well = true;
	free(text);
	if (well && place_judge_path(NSSWITCH_FILE, &fault) == 1)
		check_fault(checks, LINK, fault.cure, "%s", fault.found);
	return well;
}

static void
add_hang(struct checks *checks)
{
	checks->nss_hangs = true;
	check_fault(checks, LINK,
	    "Mend the service that hangs, or take it off the lines passwd and group of " NSSWITCH_FILE ".",
	    "a lookup takes more than %d s, with berth or without: a service before it on the line doesn't answer", SECONDS);
}

/* find_group: the group that sshd's Match block goes by; the module knows it by itself, without the agent. */
static bool
find_group(struct checks *checks)
{
	static const char *const usual[] = { GETENT_PROGRAM, "group", BERTH_USERS_GROUP, NULL };
	static const char *const ours[] = { GETENT_PROGRAM, "-s", "berth", "group", BERTH_USERS_GROUP, NULL };
	char line[256], expected[64];

	snprintf(expected, sizeof(expected), BERTH_USERS_GROUP ":!:%u:", BERTH_USERS_GID);
	if (getent(checks, usual, line, sizeof(line)) != 0) {
		add_hang(checks);
		return false;
	}
	if (strcmp(line, expected) == 0)
		return true;
	if (line[0] != '\0')
		check_fault(checks, LINK, "groupdel " BERTH_USERS_GROUP,
		    "another service has a group " BERTH_USERS_GROUP ", \"%s\": it is Berth's module's alone", line);
	else if (getent(checks, ours, line, sizeof(line)) == 0 && strcmp(line, expected) == 0)
		check_fault(checks, LINK, "Restart nscd, or whatever answers in its place.",
		    "the module has the group " BERTH_USERS_GROUP ", and a lookup doesn't find it: something answers before "
		    "it");
	else
		check_fault(checks, LINK, "apt-get install --reinstall berth",
		    "the module " INSTALLED_NSS_MODULE " can't be loaded by %s",
		    checks->accounts_well ? checks->config->keys_user : "getent");
	return false;
}

static bool
find_user(struct checks *checks)
{
	const struct probe *probe = &checks->probe;
	const char *const usual[] = { GETENT_PROGRAM, "passwd", probe->name, NULL };
	const char *const ours[] = { GETENT_PROGRAM, "-s", "berth", "passwd", probe->name, NULL };
	char line[1024], expected[USER_NAME_MAX + 64], cure[CURE_MAX], word[PATH_MAX];
	int length = snprintf(expected, sizeof(expected), "%s:!:%u:%u:" GECOS_MARKER ":", probe->name, probe->uid,
	    probe->gid);

	if (getent(checks, usual, line, sizeof(line)) != 0) {
		add_hang(checks);
		return false;
	}
	if (strncmp(line, expected, (size_t)length) == 0)
		return true;
	if (line[0] != '\0')
		check_fault(checks, LINK,
		    "Rename the user in the one place or the other; or, if it is an old answer, restart nscd.",
		    "user %s of the store is somebody else to NSS: \"%s\"", probe->name, line);
	else if (getent(checks, ours, line, sizeof(line)) == 0 && line[0] != '\0')
		check_fault(checks, LINK, "Restart nscd, or whatever answers in its place.",
		    "the module finds user %s, and a lookup doesn't: something answers before it", probe->name);
	else
		check_fault(checks, LINK, cure_format(cure, "berth doctor %s", place_word(probe->name, word)),
		    "user %s of the store isn't found, though the agent answers", probe->name);
	return false;
}

/* check_nscd: it keeps "no such user" for a while, and answers from before a change. */
static void
check_nscd(struct checks *checks)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NSCD_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		check_warning(checks, LINK,
		    "Set \"enable-cache passwd no\" and \"enable-cache group no\" in /etc/nscd.conf, then restart nscd.",
		    "nscd keeps what it was told: a new user may be unknown, and a changed one as before, until it forgets");
	if (fd >= 0)
		close(fd);
}

void
check_nss(struct checks *checks)
{
	size_t before = checks->findings->count;

	if (!check_file(checks) || !find_group(checks))
		return;
	check_nscd(checks);
	if (!checks->agent_well) {
		check_unknown(checks, LINK, "the lines are there; whether a user is found takes the agent");
		return;
	}
	if (checks->probe.name[0] != '\0' && !find_user(checks))
		return;
	checks->nss_well = true;
	if (checks->findings->count > before)
		return;
	if (checks->probe.name[0] != '\0')
		check_ok(checks, LINK, "a new process finds user %s, and the group " BERTH_USERS_GROUP,
		    checks->probe.name);
	else
		check_ok(checks, LINK,
		    "a new process finds the group " BERTH_USERS_GROUP "; there is no user to try");
}
