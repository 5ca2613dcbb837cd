/*
 * berth setup: sshd, PAM and NSS told of Berth, or made to forget it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "admin_cmd/flags.h"
#include "admin_cmd/run_program.h"
#include "admin_cmd/setup/apply.h"
#include "admin_cmd/setup/plan.h"
#include "common/host/paths.h"

#define DIFF "/usr/bin/diff"
#define LOCK_FILE "/run/berth-setup.lock"

static const char usage[] =
    "usage: berth setup [--undo] [--yes] [--dry-run]\n"
    "\n"
    "Tells this host of Berth: " BERTH_CONFIG_FILE ", NSS, PAM, sshd, and systemd. Shows what it will change, asks,\n"
    "keeps copies in " SETUP_BACKUP_DIR ", and puts all back when root or a local user would not get in any more.\n"
    "A second run changes nothing.\n"
    "\n"
    "  --undo     make the host forget Berth; configuration, store, logs and data stay\n"
    "  --yes      don't ask; needed without a terminal\n"
    "  --dry-run  only show what it would change\n"
    "\n"
    "Exit status: 0 done, or nothing to change; 1 the answer was not yes; 252 wrong flags; 255 not done: all is as it was\n"
    "before.\n";

struct setup_flags {
	bool undo, yes, dry_run;
};

enum { FLAG_UNDO = FLAG_OWN, FLAG_YES, FLAG_DRY_RUN };

static int
take(const struct flags *flags, void *context, int code)
{
	struct setup_flags *set = context;

	(void)flags;
	set->undo = set->undo || code == FLAG_UNDO;
	set->yes = set->yes || code == FLAG_YES;
	set->dry_run = set->dry_run || code == FLAG_DRY_RUN;
	return COMMAND_OK;
}

static int
read_flags(int argc, char **argv, struct command_globals *globals, struct setup_flags *set)
{
	static const struct option options[] = {
		{ "undo", no_argument, NULL, FLAG_UNDO },
		{ "yes", no_argument, NULL, FLAG_YES },
		{ "dry-run", no_argument, NULL, FLAG_DRY_RUN },
		FLAGS_OF_ALL,
		{ NULL, 0, NULL, 0 },
	};
	const struct flags flags = { "berth setup", usage, "unknown flag ", options, take };
	int result = flags_read(&flags, argc, argv, globals, set);

	if (result != COMMAND_OK || globals->help)
		return result;
	if (optind < argc)
		return flags_wrong(&flags, "it takes no word: ", argv[optind]);
	if (strcmp(globals->config_file, BERTH_CONFIG_FILE) != 0)
		return flags_wrong(&flags, "what sshd and PAM run reads " BERTH_CONFIG_FILE " alone, not ",
		    globals->config_file);
	if (globals->output != OUTPUT_DEFAULT && globals->output != OUTPUT_TEXT)
		return flags_wrong(&flags, "it prints text alone, without ", "--output");
	return COMMAND_OK;
}

/* lock: against another setup. What others than root can open, they could hold for ever, and Berth would never go. */
static int
lock(void)
{
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0 && errno == EWOULDBLOCK)
		fputs(SETUP ": another berth setup is running\n", stderr);
	else
		fprintf(stderr, SETUP ": " LOCK_FILE ": %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * What is shown.
 */

static void
show_file(const struct setup_file *file)
{
	char label[PATH_MAX + 16];
	const char *argv[] = { DIFF, "-u", "--label", file->path, "--label", label,
		file->text != NULL ? file->path : "/dev/null", file->wanted != NULL ? "-" : "/dev/null", NULL };
	const struct program_options options = { .input = file->wanted };
	struct program_result result;

	snprintf(label, sizeof(label), "%s%s", file->path, file->wanted != NULL ? "" : " (removed)");
	if (run_program(argv, &options, &result) == 0 && result.status <= 1)
		fputs(result.output, stdout);
	else
		printf("%s %s; how it differs can't be shown: %s (`apt install diffutils`)\n", file->path,
		    file->wanted != NULL ? "changes" : "goes",
		    result.status == 127 ? DIFF " isn't there" : program_said(&result));
	program_free(&result);
}

static void
show_step(const struct plan *plan, const struct step *step)
{
	switch (step->kind) {
	case STEP_FILE:
		break;
	case STEP_DIRECTORY:
		printf("  make the directory %s\n", step->path);
		break;
	case STEP_SERVER:
		printf("  make a server in Store %s\n", plan->config.store);
		break;
	case STEP_RELOAD_MANAGER:
		puts("  systemctl daemon-reload");
		break;
	case STEP_START:
		puts("  systemctl enable --now berthd.socket berthd.service");
		break;
	case STEP_RESTART:
		puts("  systemctl try-restart berthd.service");
		break;
	case STEP_STOP:
		puts("  systemctl disable --now berthd.service berthd.socket");
		break;
	case STEP_RELOAD_SSHD:
		printf("  systemctl reload %s\n", plan->units.sshd);
		break;
	}
}

static void
show_warnings(const struct plan *plan)
{
	fflush(stdout);
	for (size_t i = 0; i < plan->warning_count; i++)
		fprintf(stderr, SETUP ": warning: %s\n", plan->warnings[i]);
}

static void
show_plan(const struct plan *plan)
{
	bool others = false;

	for (size_t i = 0; i < plan->step_count; i++) {
		others = others || plan->steps[i].kind != STEP_FILE;
		if (plan->steps[i].kind == STEP_FILE)
			show_file(plan->steps[i].file);
	}
	if (others)
		puts("And:");
	for (size_t i = 0; i < plan->step_count; i++)
		show_step(plan, &plan->steps[i]);
	show_warnings(plan);
}

/* ask: COMMAND_OK for yes. */
static int
ask(const struct setup_flags *set)
{
	char answer[16];

	if (set->yes)
		return COMMAND_OK;
	if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
		fputs(SETUP ": error: there is no terminal to ask on: --yes is needed\n", stderr);
		return COMMAND_USAGE;
	}
	fputs("Go on? [y/N] ", stderr);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return COMMAND_OK;
	fputs(SETUP ": nothing was changed\n", stderr);
	return COMMAND_FAULTS;
}

/* tell_what_is_left: to the operator. */
static void
tell_what_is_left(const struct plan *plan)
{
	bool sshd = setup_file_changes(&plan->files[FILE_DROP_IN]) || setup_file_changes(&plan->files[FILE_SSHD]);

	if (!plan->units.systemd && !plan->undo)
		puts("systemd doesn't run here: start berthd(8) as root, beside sshd");
	if (!plan->units.systemd && plan->undo)
		puts("systemd doesn't run here: stop berthd(8), if it runs");
	if (plan->units.sshd == NULL && sshd)
		puts("a running sshd has to read its configuration again: `kill -HUP $(cat /run/sshd.pid)`");
	if (!plan->undo && setup_file_changes(&plan->files[FILE_CONFIG]) && plan->config.server_id != NULL)
		printf("users log in from server %s\n"
		    "next: `berth admin create-user` makes one, `berth doctor` looks at every link\n", plan->config.server_id);
}

static void
tell_done(const struct plan *plan)
{
	for (size_t i = 0; i < FILE_COUNT; i++) {
		const struct setup_file *file = &plan->files[i];

		if (!setup_file_changes(file))
			continue;
		printf("%s %s%s%s\n", file->wanted == NULL ? "removed" : file->text == NULL ? "made" : "changed", file->path,
		    file->backup[0] != '\0' ? "; as it was: " : "", file->backup);
	}
	puts(plan->undo ? "undone: root and local users log in as before" : "done: root and local users log in as before");
	tell_what_is_left(plan);
}

static int
run(const struct setup_flags *set)
{
	struct plan plan;
	int result = COMMAND_FAILED;

	if (plan_make(&plan, set->undo) != 0)
		goto out;
	if (plan.step_count == 0) {
		for (size_t i = 0; i < FILE_COUNT && !set->dry_run; i++)
			setup_file_settle(&plan.files[i]);
		show_warnings(&plan);
		puts("nothing to change");
		result = COMMAND_OK;
		goto out;
	}
	show_plan(&plan);
	if (set->dry_run) {
		result = COMMAND_OK;
		goto out;
	}
	fflush(stdout);
	if ((result = ask(set)) != COMMAND_OK)
		goto out;
	result = COMMAND_FAILED;
	if (plan_apply(&plan) != 0)
		goto out;
	tell_done(&plan);
	result = COMMAND_OK;
out:
	plan_free(&plan);
	return result;
}

int
setup_command(int argc, char **argv, struct command_globals *globals)
{
	struct setup_flags set = { 0 };
	int result = read_flags(argc, argv, globals, &set), held;

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return command_print(usage);
	if (geteuid() != 0) {
		fputs(SETUP ": only root can do this: `sudo berth setup`\n", stderr);
		return COMMAND_FAILED;
	}
	held = lock();
	if (held < 0)
		return COMMAND_FAILED;
	result = run(&set);
	close(held);
	return result;
}
