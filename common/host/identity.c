/*
 * Becoming an unprivileged user: through the files alone, since NSS would ask the very agent that is starting.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/host/paths.h"

#define LINE_BUFFER 16384 /* one line of /etc/passwd or /etc/group */
#define GROUPS_MAX  64

int
identity_find(const char *user, uid_t *uid, gid_t *gid)
{
	char buffer[LINE_BUFFER];
	struct passwd entry, *found = NULL;
	FILE *file = fopen(BERTH_PASSWD_FILE, "re");
	int problem;

	if (file == NULL)
		return -1;
	do {
		problem = fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found);
	} while (problem == 0 && strcmp(entry.pw_name, user) != 0);
	fclose(file);
	if (problem != 0) {
		errno = problem;
		return -1;
	}
	*uid = entry.pw_uid;
	*gid = entry.pw_gid;
	return 0;
}

static int
is_member(const struct group *group, const char *user)
{
	for (char **member = group->gr_mem; *member != NULL; member++)
		if (strcmp(*member, user) == 0)
			return 1;
	return 0;
}

/* find_groups: the groups that name the user as a member, behind those already in the list. */
static int
find_groups(const char *user, gid_t groups[GROUPS_MAX], size_t *count)
{
	char buffer[LINE_BUFFER];
	struct group entry, *found = NULL;
	FILE *file = fopen(BERTH_GROUP_FILE, "re");
	int problem;

	if (file == NULL)
		return -1;
	while ((problem = fgetgrent_r(file, &entry, buffer, sizeof(buffer), &found)) == 0) {
		if (!is_member(&entry, user))
			continue;
		if (*count == GROUPS_MAX) {
			problem = E2BIG;
			break;
		}
		groups[(*count)++] = entry.gr_gid;
	}
	fclose(file);
	if (problem != ENOENT) {
		errno = problem;
		return -1;
	}
	return 0;
}

/* check_gone: nothing of root is left to go back to. */
static int
check_gone(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) != 0 || getresgid(&rgid, &egid, &sgid) != 0)
		return -1;
	if (ruid == uid && euid == uid && suid == uid && rgid == gid && egid == gid && sgid == gid && setuid(0) != 0)
		return 0;
	errno = EPERM;
	return -1;
}

int
identity_become(const char *user)
{
	gid_t gid, groups[GROUPS_MAX];
	uid_t uid;
	size_t count = 0;

	if (geteuid() != 0)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (identity_find(user, &uid, &gid) != 0)
		return -1;
	if (uid == 0 || gid == 0) {
		errno = EPERM;
		return -1;
	}
	groups[count++] = gid;
	if (find_groups(user, groups, &count) != 0)
		return -1;
	if (setgroups(count, groups) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return check_gone(uid, gid);
}

void
identity_hide_memory(void)
{
	const struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

const char *
identity_problem(int problem)
{
	if (problem == ENOENT)
		return BERTH_PASSWD_FILE " has no such user";
	if (problem == EPERM)
		return "it must be neither root nor of root's group";
	return strerror(problem);
}
