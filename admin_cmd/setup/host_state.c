#include "admin_cmd/setup/host_state.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/run_program.h"
#include "admin_cmd/setup/pam_check.h"
#include "admin_cmd/wiring/nsswitch.h"
#include "common/host/paths.h"

#define NOBODYS_NAME "berth-setup-asks-for-nobody"
#define LOOKUP_SECONDS 10 /* a slow LDAP is no fault of ours */
#define FIRST_UID    1000
#define LAST_UID     59999 /* beyond it are nobody, and what other services make up */

static void
find_accounts(struct host_state *state)
{
	FILE *file = fopen(BERTH_PASSWD_FILE, "re");
	const struct passwd *entry;

	snprintf(state->accounts[0].name, sizeof(state->accounts[0].name), "root");
	state->count = 1;
	while (file != NULL && state->count < STATE_ACCOUNTS_MAX && (entry = fgetpwent(file)) != NULL) {
		if (entry->pw_uid < FIRST_UID || entry->pw_uid > LAST_UID || strlen(entry->pw_name) > 32)
			continue;
		if (strstr(entry->pw_shell, "nologin") != NULL || strstr(entry->pw_shell, "/false") != NULL)
			continue;
		snprintf(state->accounts[state->count++].name, sizeof(state->accounts[0].name), "%s", entry->pw_name);
	}
	if (file != NULL)
		fclose(file);
}

/* look_up: what getent(1) prints, behind its status; "?" and why when that can't be told. */
static void
look_up(const char *database, const char *name, char answer[STATE_ANSWER_MAX])
{
	const char *const argv[] = { GETENT_PROGRAM, database, name, NULL };
	const struct program_options options = { .seconds = LOOKUP_SECONDS };
	struct program_result result;

	if (run_program(argv, &options, &result) != 0)
		snprintf(answer, STATE_ANSWER_MAX, "? can't be looked up: " GETENT_PROGRAM ": %s", strerror(errno));
	else if (result.timed_out)
		snprintf(answer, STATE_ANSWER_MAX, "? gets no answer in %d seconds: a service of " NSSWITCH_FILE " hangs",
		    LOOKUP_SECONDS);
	else
		snprintf(answer, STATE_ANSWER_MAX, "%d %s", result.status, result.output);
	program_free(&result);
}

static void
read_account(struct account_state *account, bool has_sshd)
{
	char why[SSHD_WHY_MAX];

	look_up("passwd", account->name, account->entry);
	look_up("initgroups", account->name, account->groups);
	pam_check_account(account->name, account->account, sizeof(account->account));
	if (has_sshd)
		(void)sshd_settings_read(&account->settings, account->name, "127.0.0.1", why);
}

void
host_state_read(struct host_state *state)
{
	char why[SSHD_WHY_MAX];

	*state = (struct host_state){ 0 };
	look_up("passwd", NOBODYS_NAME, state->nobody);
	if (state->nobody[0] == '?')
		return; /* all that follows would wait as long */
	find_accounts(state);
	pam_check_modules(state->modules, sizeof(state->modules));
	state->has_sshd = access(SSHD_PROGRAM, X_OK) == 0;
	if (state->has_sshd) {
		state->sshd_starts = sshd_test(state->sshd_problem) == 0;
		(void)sshd_settings_read(&state->settings, NULL, NULL, why);
	}
	for (size_t i = 0; i < state->count; i++)
		read_account(&state->accounts[i], state->has_sshd && state->sshd_starts);
}

void
host_state_free(struct host_state *state)
{
	for (size_t i = 0; i < state->count; i++)
		sshd_settings_free(&state->accounts[i].settings);
	sshd_settings_free(&state->settings);
}

static bool
is_found(const char *answer)
{
	return strncmp(answer, "0 ", 2) == 0;
}

int
host_state_sound(const struct host_state *state, char *why)
{
	if (state->nobody[0] == '?')
		return setup_fail(why, "a name that nobody has %s; mend that first", state->nobody + 2);
	if (!state->has_sshd)
		return setup_fail(why, SSHD_PROGRAM " isn't there: `apt install openssh-server`");
	if (!state->sshd_starts || state->settings.text == NULL)
		return setup_fail(why,
		    "sshd would not start with its configuration as it is: %s: mend that first; `sshd -t` "
		    "shows it", state->sshd_problem);
	for (size_t i = 0; i < state->count; i++)
		if (!is_found(state->accounts[i].entry))
			return setup_fail(why, "%s isn't found by `getent passwd %s`: mend /etc/nsswitch.conf first",
			    state->accounts[i].name, state->accounts[i].name);
	return 0;
}

/* next_setting: the next line that isn't one of those that we set; its length. */
static size_t
next_setting(const char **at)
{
	static const char *const ours[] = { "authorizedkeyscommand ", "authorizedkeyscommanduser " };

	for (;; *at += strcspn(*at, "\n") + 1) {
		size_t length = strcspn(*at, "\n");
		bool is_ours = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			is_ours = is_ours || strncmp(*at, ours[i], strlen(ours[i])) == 0;
		if (!is_ours || (*at)[length] == '\0')
			return is_ours ? 0 : length;
	}
}

/* same_settings: but for what we set. Otherwise the line that has become another is *differs. */
static bool
same_settings(const char *before, const char *after, const char **differs, size_t *length)
{
	for (;;) {
		size_t one = next_setting(&before), other = next_setting(&after);

		*differs = before;
		*length = one;
		if (one != other || strncmp(before, after, one) != 0)
			return false;
		if (before[one] == '\0' || after[other] == '\0')
			return before[one] == after[other];
		before += one + 1;
		after += other + 1;
	}
}

static int
settings_kept(const char *name, const struct sshd_settings *before, const struct sshd_settings *after, char *why)
{
	const char *differs;
	size_t length;

	if (before->text == NULL)
		return 0;
	if (after->text == NULL)
		return setup_fail(why, "sshd tells no settings for %s any more", name);
	if (same_settings(before->text, after->text, &differs, &length))
		return 0;
	return setup_fail(why, "sshd's settings for %s would change: they have \"%.*s\" now", name,
	    length > 200 ? 200 : (int)length, differs);
}

static int
account_kept(const struct account_state *before, const struct account_state *after, char *why)
{
	if (is_found(before->entry) && strcmp(before->entry, after->entry) != 0)
		return setup_fail(why, "`getent passwd %s` answers something else: %.200s", before->name, after->entry);
	if (is_found(before->groups) && strcmp(before->groups, after->groups) != 0)
		return setup_fail(why, "`getent initgroups %s` answers something else: %.200s", before->name, after->groups);
	if (strcmp(before->account, after->account) != 0 && !is_found(after->account))
		return setup_fail(why, "PAM's account step for %s was \"%.100s\", and is \"%.200s\"", before->name,
		    before->account, after->account);
	return settings_kept(before->name, &before->settings, &after->settings, why);
}

/* modules_kept: no line that wasn't there. */
static int
modules_kept(const char *before, const char *after, char *why)
{
	char line[1024];

	for (size_t length; *after != '\0'; after += length + (after[length] == '\n')) {
		length = strcspn(after, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, after);
		if (strstr(before, line) == NULL)
			return setup_fail(why, "a module of " BERTH_PAM_SERVICE_FILE " can't be loaded: %.400s", line);
	}
	return 0;
}

int
host_state_kept(const struct host_state *before, const struct host_state *after, char *why)
{
	if (before->nobody[0] == '?')
		return 0;
	if (strcmp(before->nobody, after->nobody) != 0)
		return setup_fail(why, "a name that nobody has %s",
		    after->nobody[0] == '?' ? after->nobody + 2 : "is found");
	if (before->sshd_starts && !after->sshd_starts)
		return setup_fail(why, "sshd would not start: %s", after->sshd_problem);
	if (modules_kept(before->modules, after->modules, why) != 0)
		return -1;
	for (size_t i = 0; i < before->count && i < after->count; i++)
		if (strcmp(before->accounts[i].name, after->accounts[i].name) == 0 &&
		    account_kept(&before->accounts[i], &after->accounts[i], why) != 0)
			return -1;
	return settings_kept("nobody in particular", &before->settings, &after->settings, why);
}
