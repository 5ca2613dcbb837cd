/* The configuration, and the accounts that it names. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "common/host/identity.h"
#include "common/host/paths.h"

#define LINK "configuration"
#define ACCOUNTS "accounts"
#define LINE_BUFFER 16384
#define READ_SECONDS 5

bool
checks_systemd(void)
{
	struct stat status;

	return lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

const char *
checks_service(const char *systemctl, const char *sentence)
{
	return checks_systemd() ? systemctl : sentence;
}

const char *
cure_format(char *cure, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(cure, CURE_MAX, format, arguments);
	va_end(arguments);
	return cure;
}

/* A fault of the file's text: "FILE line N: …". */
static void
add_fault(void *context, const char *fault)
{
	struct checks *checks = context;
	char cure[CURE_MAX], word[PATH_MAX];

	check_fault(checks, LINK,
	    cure_format(cure, "Put it right in %s; berth.conf(5) says what each keyword takes.",
	        place_word(checks->doctor->config_file, word)), "%s", fault);
}

/* readable: the agent reads it as User, at each reload. */
static void
try_reading(struct checks *checks, void *problem)
{
	int fd = open(checks->doctor->config_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*(int *)problem = fd < 0 ? errno : 0;
}

static void
check_readable(struct checks *checks)
{
	char cure[CURE_MAX], word[PATH_MAX], directory[PATH_MAX], above[PATH_MAX];
	int problem = 0;

	if (apart_run(checks, checks->config->user, READ_SECONDS, try_reading, &problem, sizeof(problem)) != 0 ||
	    problem == 0)
		return;
	place_word(checks->doctor->config_file, word);
	place_word(place_above(checks->doctor->config_file, directory), above);
	check_fault(checks, LINK, cure_format(cure, "chmod go+rx %s && chmod go+r %s", above, word),
	    "%s: User %s can't read it: %s", checks->doctor->config_file, checks->config->user, strerror(problem));
}

/* check_file: false when it isn't worth reading. */
static bool
check_file(struct checks *checks)
{
	const char *file = checks->doctor->config_file;
	struct place_fault fault;
	struct stat status;

	if (lstat(file, &status) != 0) {
		check_fault(checks, LINK, "berth setup", "%s: %s", file, strerror(errno));
		return false;
	}
	/* A symbolic link is config_load()'s to refuse. */
	if (S_ISREG(status.st_mode) && place_judge_path(file, &fault) == 1) {
		check_fault(checks, LINK, fault.cure, "%s", fault.found);
		/* What others may write is read all the same where config_load() reads it: the other links are looked at. */
		return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	}
	return true;
}

void
check_configuration(struct checks *checks)
{
	struct doctor *doctor = checks->doctor;
	size_t before = checks->findings->count;

	if (!check_file(checks) || config_load(&doctor->config, doctor->config_file, add_fault, checks) != 0)
		return;
	doctor->configured = true;
	if (doctor->config.server_id == NULL)
		check_fault(checks, LINK, "berth setup", "%s has no ServerId, so there are no users",
		    doctor->config_file);
	check_readable(checks);
	if (checks->findings->count == before)
		check_ok(checks, LINK, "%s: server %s, store %s", doctor->config_file,
		    doctor->config.server_id, doctor->config.store);
}

/* gives_power: a group whose members are as good as root. */
static bool
gives_power(const char *group)
{
	static const char *const POWERFUL[] = { "root", "sudo", "wheel", "shadow", "disk", "docker", "lxd", "kmem" };

	for (size_t i = 0; i < sizeof(POWERFUL) / sizeof(POWERFUL[0]); i++)
		if (strcmp(group, POWERFUL[i]) == 0)
			return true;
	return false;
}

static void
check_groups(struct checks *checks, const char *keyword, const char *name)
{
	char buffer[LINE_BUFFER], cure[CURE_MAX];
	struct group entry, *found;
	FILE *file = fopen(BERTH_GROUP_FILE, "re");

	while (file != NULL && fgetgrent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		for (char **member = entry.gr_mem; gives_power(entry.gr_name) && *member != NULL; member++)
			if (strcmp(*member, name) == 0)
				check_warning(checks, ACCOUNTS,
				    cure_format(cure, "gpasswd -d %s %s", name, entry.gr_name),
				    "%s %s is in the group %s, whose members are as good as root", keyword, name,
				    entry.gr_name);
	}
	if (file != NULL)
		fclose(file);
}

/* check_account: false when nothing can run as it. */
static bool
check_account(struct checks *checks, const char *keyword, const char *name, uid_t *uid)
{
	gid_t gid;

	if (identity_find(name, uid, &gid) != 0) {
		check_fault(checks, ACCOUNTS, "systemd-sysusers", "%s %s: %s", keyword, name,
		    errno == ENOENT ? "no such account in " BERTH_PASSWD_FILE : strerror(errno));
		return false;
	}
	if (*uid == 0 || gid == 0) {
		check_fault(checks, ACCOUNTS, "Name an account in berth.conf that is nobody's but Berth's.",
		    "%s %s is root, or of root's group", keyword, name);
		return false;
	}
	check_groups(checks, keyword, name);
	return true;
}

static void
add_same(struct checks *checks, const char *one, const char *other, const char *name)
{
	check_warning(checks, ACCOUNTS,
	    "Give each an account of its own in berth.conf: what reads users' lines must not be able to write the store.",
	    "%s and %s are one account, %s", one, other, name);
}

void
check_accounts(struct checks *checks)
{
	const struct config *config = checks->config;
	const struct {
		const char *keyword, *name;
	} accounts[] = {
		{ "User", config->user }, { "KeysUser", config->keys_user }, { "SessionUser", config->session_user },
	};
	size_t before = checks->findings->count, count = config->transfer_log != TRANSFER_LOG_OFF ? 3 : 2;
	uid_t uids[3];

	if (!checks->doctor->configured) {
		check_unknown(checks, ACCOUNTS, "the configuration names them");
		return;
	}
	checks->accounts_well = true;
	for (size_t i = 0; i < count; i++) {
		uids[i] = ID_NONE;
		if (!check_account(checks, accounts[i].keyword, accounts[i].name, &uids[i]))
			checks->accounts_well = false;
		for (size_t j = 0; j < i; j++)
			if (uids[i] == uids[j] && uids[i] != ID_NONE)
				add_same(checks, accounts[j].keyword, accounts[i].keyword, accounts[i].name);
	}
	if (checks->findings->count == before)
		check_ok(checks, ACCOUNTS, "%s, %s and %s are there, and unprivileged", config->user,
		    config->keys_user, count == 3 ? config->session_user : "no SessionUser");
}
