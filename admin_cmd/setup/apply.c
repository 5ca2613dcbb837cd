#include "admin_cmd/setup/apply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_cmd/setup/texts.h"

static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU };
/* The first four ask for an end. */
#define ENDING_COUNT 4

static void
hold_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++)
		sigaddset(&held, SIGNALS[i]);
	sigprocmask(SIG_BLOCK, &held, NULL);
	/* Whoever read what is said here may be gone, and a file may grow beyond a limit: both are an error then. */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

static bool
is_asked_to_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < ENDING_COUNT; i++)
		if (sigismember(&pending, SIGNALS[i]))
			return true;
	return false;
}

/*
 * Steps.
 */

static int
make_server(struct plan *plan, char *why)
{
	struct setup_file *file = &plan->files[FILE_CONFIG];
	char id[STORE_ANSWER_MAX];

	if (store_make_server(&plan->config, id) != 0) {
		snprintf(why, SETUP_WHY_MAX, "no server could be made in Store %s", plan->config.store);
		return -1;
	}
	printf("made server %s\n", id);
	setup_file_want(file, text_config(file->text, id));
	free(plan->config.server_id);
	plan->config.server_id = strdup(id);
	if (file->wanted != NULL && plan->config.server_id != NULL)
		return 0;
	snprintf(why, SETUP_WHY_MAX, "no memory");
	return -1;
}

static int
make_directory(struct step *step, char *why)
{
	int made = setup_directory_make(step->path, why);

	step->done = made == 1;
	return made < 0 ? -1 : 0;
}

static int
do_step(struct plan *plan, struct step *step, char *why)
{
	if (step->kind == STEP_DIRECTORY)
		return make_directory(step, why);
	step->done = true; /* as far as it goes */
	switch (step->kind) {
	case STEP_DIRECTORY:
		break;
	case STEP_SERVER:
		return make_server(plan, why);
	case STEP_FILE:
		return setup_file_put(step->file, why);
	case STEP_RELOAD_MANAGER:
		return units_reload_manager(why);
	case STEP_START:
		return units_start(why);
	case STEP_RESTART:
		return units_restart_agent(why);
	case STEP_STOP:
		return units_stop(why);
	case STEP_RELOAD_SSHD:
		return units_reload_sshd(&plan->units, why);
	}
	return 0;
}

/*
 * Putting back.
 */

static int
undo_step(const struct plan *plan, struct step *step, char *why)
{
	why[0] = '\0';
	switch (step->kind) {
	case STEP_DIRECTORY:
		/* Somebody may have put something there. */
		return rmdir(step->path) == 0 || errno == ENOTEMPTY || errno == ENOENT ? 0 :
		    (snprintf(why, SETUP_WHY_MAX, "%s: %s", step->path, strerror(errno)), -1);
	case STEP_FILE:
		return setup_file_put_back(step->file, why);
	case STEP_START:
	case STEP_STOP:
		return units_put_back(&plan->units, why);
	default:
		return 0; /* programs that read the files again: see reread() */
	}
}

/* reread: those who have been made to read what is now put back. */
static void
reread(const struct plan *plan)
{
	bool manager = false, agent = false, sshd = false;
	char why[SETUP_WHY_MAX];
	int result = 0;

	for (size_t i = 0; i < plan->step_count; i++) {
		manager = manager || (plan->steps[i].done && plan->steps[i].kind == STEP_RELOAD_MANAGER);
		agent = agent || (plan->steps[i].done && plan->steps[i].kind == STEP_RESTART);
		sshd = sshd || (plan->steps[i].done && plan->steps[i].kind == STEP_RELOAD_SSHD);
	}
	if (manager && (result = units_reload_manager(why)) != 0)
		fprintf(stderr, SETUP ": %s\n", why);
	if (agent && (result = units_restart_agent(why)) != 0)
		fprintf(stderr, SETUP ": %s\n", why);
	if (sshd && (sshd_test(why) != 0 || units_revive_sshd(&plan->units, why) != 0))
		fprintf(stderr, SETUP ": %s\n", why);
}

static void
put_back(struct plan *plan)
{
	char why[SETUP_WHY_MAX];
	bool whole = true;

	for (size_t i = plan->step_count; i-- > 0;) {
		struct step *step = &plan->steps[i];

		if (!step->done || undo_step(plan, step, why) == 0)
			continue;
		fprintf(stderr, SETUP ": can't be put back: %s\n", why);
		whole = false;
	}
	reread(plan);
	if (whole) {
		for (size_t i = 0; i < FILE_COUNT; i++)
			setup_file_forget_copy(&plan->files[i]);
		fputs(SETUP ": all is put back as it was\n", stderr);
	} else {
		fputs(SETUP ": see to that before you log out; copies of all files are in " SETUP_BACKUP_DIR "\n", stderr);
	}
}

/*
 * Checks.
 */

static int
check(const struct plan *plan, char *why)
{
	struct host_state now;
	int result;

	if (is_asked_to_end()) {
		snprintf(why, SETUP_WHY_MAX, "interrupted");
		return -1;
	}
	host_state_read(&now);
	result = host_state_kept(&plan->before, &now, why);
	host_state_free(&now);
	return result;
}

/* check_keys_command: that ours is the one in force, whatever other files of sshd say. */
static int
check_keys_command(const struct plan *plan, char *why)
{
	struct sshd_settings settings;
	char value[1024] = "", problem[SSHD_WHY_MAX];
	int result;

	if (plan->undo)
		return 0;
	result = sshd_settings_read(&settings, NULL, NULL, problem);
	if (result == 0)
		sshd_settings_value(&settings, "authorizedkeyscommand", 0, value, sizeof(value));
	sshd_settings_free(&settings);
	if (result == 0 && strncmp(value, plan->keys_command, strlen(plan->keys_command)) == 0)
		return 0;
	if (result != 0)
		snprintf(why, SETUP_WHY_MAX, "%s", problem);
	else
		snprintf(why, SETUP_WHY_MAX, "AuthorizedKeysCommand is %s all the same: a line before Berth's sets it, in "
		    SSHD_CONFIG_FILE " or " SSHD_CONFIG_DIR, value);
	return -1;
}

static int
copy_files(struct plan *plan, char *why)
{
	char moment[32];
	time_t now = time(NULL);

	strftime(moment, sizeof(moment), "%Y%m%dT%H%M%SZ", gmtime(&now));
	for (size_t i = 0; i < FILE_COUNT; i++)
		if (setup_file_changes(&plan->files[i]) && setup_file_copy(&plan->files[i], moment, why) != 0)
			return -1;
	return 0;
}

/* can_reload_sshd: 1; 0: sshd is to go on with what it has; -1 with `why`. sshd is told of nothing that isn't whole, and of
 * nothing that would end it. */
static int
can_reload_sshd(const struct plan *plan, char *why)
{
	char problem[SSHD_WHY_MAX];

	if (check_keys_command(plan, why) != 0)
		return -1;
	if (sshd_test(problem) == 0)
		return 1;
	if (plan->undo) {
		fprintf(stderr, SETUP ": warning: sshd is not told, as it would not start with its configuration: %s: "
		    "mend that, then `systemctl reload %s`\n", problem, plan->units.sshd);
		return 0;
	}
	snprintf(why, SETUP_WHY_MAX, "sshd would not start: %s", problem);
	return -1;
}

static int
do_steps(struct plan *plan, char *why)
{
	if (copy_files(plan, why) != 0)
		return -1;
	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = &plan->steps[i];
		int can = step->kind == STEP_RELOAD_SSHD ? can_reload_sshd(plan, why) : 1;

		if (can < 0)
			return -1;
		if (can == 0)
			continue;
		if (do_step(plan, step, why) != 0)
			return -1;
		if ((step->kind == STEP_FILE || step->kind == STEP_START) && check(plan, why) != 0)
			return -1;
	}
	return check_keys_command(plan, why);
}

int
plan_apply(struct plan *plan)
{
	char why[SETUP_WHY_MAX] = "";

	hold_signals();
	if (do_steps(plan, why) != 0) {
		fflush(stdout);
		fprintf(stderr, SETUP ": %s\n", why);
		put_back(plan);
		return -1;
	}
	for (size_t i = 0; i < FILE_COUNT; i++)
		setup_file_settle(&plan->files[i]);
	return 0;
}
