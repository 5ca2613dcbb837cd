/* A passwd file: each account from MinUid on, below its home directory. */
#include <string.h>

#include "admin_cmd/import/import_source.h"
#include "common/wire/limits.h"

#define NOBODY_UID 65534u
#define GROUPS_ASKED 256 /* more than a user may have: those below MinGid don't count */

struct account {
	const char *name, *password, *home, *shell;
	uint32_t uid, gid;
};

/* name:password:uid:gid:gecos:home:shell; the shell may be missing. */
static bool
split(char *line, struct account *account)
{
	char *rest = line, *uid, *gid;

	account->name = strsep(&rest, ":");
	account->password = strsep(&rest, ":");
	uid = strsep(&rest, ":");
	gid = strsep(&rest, ":");
	strsep(&rest, ":");
	account->home = strsep(&rest, ":");
	account->shell = rest == NULL ? "" : rest;
	return account->home != NULL && import_source_number(uid, &account->uid) &&
	    import_source_number(gid, &account->gid);
}

static bool
is_system(const struct import_source *source, const struct account *account)
{
	return account->uid < source->config->min_uid || account->uid < ID_FLOOR || account->uid == NOBODY_UID ||
	    strcmp(account->name, "nobody") == 0;
}

/* Whether the password field may stand for one: "x" says that it is in the shadow file, which isn't read. */
static bool
has_password(const struct account *account)
{
	return account->password[0] != '*' && account->password[0] != '!';
}

static bool
is_login_shell(const char *shell)
{
	const char *name = strrchr(shell, '/');

	return shell[0] != '\0' &&
	    (name == NULL || (strcmp(name, "/nologin") != 0 && strcmp(name, "/false") != 0));
}

/* Secondary groups that a user may have, at most SECONDARY_GIDS_MAX. */
static size_t
secondary_gids(struct import_source *source, const struct account *account, uint32_t *gids)
{
	uint32_t all[GROUPS_ASKED];
	size_t count, used = 0, i;

	if (source->groups == NULL)
		return 0;
	count = import_groups_of(source->groups, account->name, all, GROUPS_ASKED);
	for (i = 0; i < count && i < GROUPS_ASKED; i++) {
		if (all[i] == account->gid)
			continue;
		if (!id_allowed(all[i], source->config->min_gid))
			import_left_note(source->left, LEFT_GROUPS, source->line, account->name, "gid %u is below MinGid",
			    all[i]);
		else if (used == SECONDARY_GIDS_MAX)
			import_left_note(source->left, LEFT_GROUPS, source->line, account->name, "gid %u: the user has %d "
			    "already, the most there may be", all[i], SECONDARY_GIDS_MAX);
		else
			gids[used++] = all[i];
	}
	if (count > GROUPS_ASKED)
		import_left_note(source->left, LEFT_GROUPS, source->line, account->name, "%zu more", count - GROUPS_ASKED);
	return used;
}

static void
note_left(struct import_source *source, const struct account *account)
{
	if (has_password(account))
		import_left_note(source->left, LEFT_PASSWORD, source->line, account->name, "%s", "");
	if (is_login_shell(account->shell))
		import_left_note(source->left, LEFT_SHELL, source->line, account->name, "%s", account->shell);
}

/* The home directory as it stands, unless there is a template. */
static const char *
target_of(struct import_source *source, const struct account *account)
{
	const char *problem;

	if (source->flags->target != NULL)
		return source->flags->target;
	problem = import_source_path_problem(account->home);
	if (problem == NULL)
		return account->home;
	import_left_note(source->left, LEFT_HOME, source->line, account->name, "\"%.300s\" %s", account->home, problem);
	import_source_refuse(source, account->name, "The home directory \"%.300s\" %s", account->home, problem);
	return NULL;
}

int
import_passwd_line(struct import_source *source, char *line)
{
	uint32_t gids[SECONDARY_GIDS_MAX];
	struct account account;
	const char *target;
	cJSON *user;

	/* As in /etc/passwd: comments, and NIS's lines. */
	if (line[strspn(line, " \t")] == '\0' || strchr("#+-", line[0]) != NULL)
		return 0;
	if (!split(line, &account))
		return import_source_refuse(source, account.name, "This is no line of a passwd file");
	if (is_system(source, &account)) {
		source->report->system_accounts++;
		return 0;
	}
	if (!import_source_check_name(source, account.name) || (target = target_of(source, &account)) == NULL)
		return 0;
	note_left(source, &account);
	user = import_source_user(source, account.name, &account.uid);
	if (user != NULL && import_source_add_profile(user, account.uid, account.gid, gids,
	        secondary_gids(source, &account, gids)) &&
	    import_source_add_mapping(source, user, "/", target, source->flags->target == NULL) &&
	    import_source_add_keys(source, user, account.name, import_keys_of_account(source, account.name)))
		return import_source_write(source, user);
	cJSON_Delete(user);
	return -1;
}
