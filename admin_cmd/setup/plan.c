#include "admin_cmd/setup/plan_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/setup/pam_check.h"
#include "admin_cmd/setup/texts.h"
#include "admin_cmd/wiring/nsswitch.h"
#include "admin_cmd/wiring/pam_file.h"
#include "common/host/paths.h"

#define DROP_IN     SSHD_CONFIG_DIR "/berth.conf"
#define REMOTE_DIR  "/etc/systemd/system/berthd.service.d"
#define REMOTE_FILE REMOTE_DIR "/berthd-remote.conf"

int
plan_refuse(const char *format, ...)
{
	va_list arguments;

	fputs(SETUP ": ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return -1;
}

void
plan_add_step(struct plan *plan, enum step_kind kind)
{
	plan->steps[plan->step_count++] = (struct step){ .kind = kind };
}

void
plan_add_file(struct plan *plan, enum plan_file file)
{
	if (!setup_file_changes(&plan->files[file]))
		return;
	plan->steps[plan->step_count++] = (struct step){ .kind = STEP_FILE, .file = &plan->files[file] };
}

void
plan_add_directory(struct plan *plan, const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 || errno != ENOENT)
		return;
	plan->steps[plan->step_count++] = (struct step){ .kind = STEP_DIRECTORY, .path = path };
}

/* mentions_berth: read by name, as whoever uses the file reads it. */
static bool
mentions_berth(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	bool found;

	if (file == NULL)
		return errno != ENOENT;
	found = getdelim(&text, &size, '\0', file) > 0 && strstr(text, "berth") != NULL;
	fclose(file);
	free(text);
	return found;
}

static int
read_files(struct plan *plan)
{
	static const char *const paths[FILE_COUNT] = {
		[FILE_CONFIG] = BERTH_CONFIG_FILE,
		[FILE_NSSWITCH] = NSSWITCH_FILE,
		[FILE_PAM] = BERTH_PAM_SERVICE_FILE,
		[FILE_DROP_IN] = DROP_IN,
		[FILE_SSHD] = SSHD_CONFIG_FILE,
		[FILE_REMOTE] = REMOTE_FILE,
	};
	char why[SETUP_WHY_MAX];

	for (size_t i = 0; i < FILE_COUNT; i++) {
		if (plan->undo && i == FILE_CONFIG)
			continue; /* stays */
		if (setup_file_read(&plan->files[i], paths[i], why) == 0)
			continue;
		/* A file that setup would not have touched is nothing that has to be undone. */
		if (!plan->undo || mentions_berth(paths[i]))
			return plan_refuse("%s", why);
		setup_file_free(&plan->files[i]);
	}
	return 0;
}

/*
 * What must be there.
 */

static int
check_modules(void)
{
	char why[SETUP_WHY_MAX];

	if (pam_check_module(BERTH_PAM_MODULE, why, sizeof(why)) != NULL)
		return plan_refuse(BERTH_PAM_MODULE " can't be loaded: %s: install Berth again", why);
	if (pam_check_nss(why, sizeof(why)) != NULL)
		return plan_refuse("Berth's NSS module can't be loaded: %s: install Berth again, then `ldconfig`", why);
	return 0;
}

/* find_keys_command: what the drop-in tells sshd to run; it must be such as sshd runs. */
static int
find_keys_command(struct plan *plan)
{
	const char *line = strstr(plan->files[FILE_DROP_IN].wanted, "\nAuthorizedKeysCommand"), *word;
	struct stat status;
	char directory[PATH_MAX], why[SETUP_WHY_MAX];
	int fd;

	word = line != NULL ? strchr(line, '/') : NULL;
	if (word == NULL)
		return plan_refuse(BERTH_SSHD_DROP_IN ": it has no AuthorizedKeysCommand: install Berth again");
	snprintf(plan->keys_command, sizeof(plan->keys_command), "%.*s", (int)strcspn(word, " \t\n"), word);
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(plan->keys_command, '/') - plan->keys_command),
	    plan->keys_command);
	fd = setup_directory_open(directory, why);
	if (fd < 0)
		return plan_refuse("%s", why);
	close(fd);
	if (lstat(plan->keys_command, &status) != 0)
		return plan_refuse("%s: %s: install Berth again", plan->keys_command, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_uid != 0 || (status.st_mode & 022) != 0 || (status.st_mode & 0111) == 0)
		return plan_refuse("%s must be root's, 0755: sshd runs no other: `chown root:root %s && chmod 0755 %s`",
		    plan->keys_command, plan->keys_command, plan->keys_command);
	return 0;
}

/*
 * The wiring.
 */

static int
want_wiring(struct plan *plan, enum plan_file number, char *(*add)(const char *, char *), const char *page)
{
	struct setup_file *file = &plan->files[number];
	char why[WIRING_WHY_MAX], *wanted;

	if (file->text == NULL)
		return plan_refuse("%s isn't there: setup knows no other place for what it holds; %s shows what must stand there",
		    file->path, page);
	wanted = add(file->text, why);
	if (wanted == NULL)
		return plan_refuse("%s isn't as expected: %s: %s shows what must stand there", file->path, why, page);
	setup_file_want(file, wanted);
	return 0;
}

/* read_packaged: a file of the package; the caller frees it. NULL after saying why. */
static char *
read_packaged(const char *path)
{
	struct setup_file file;
	char why[SETUP_WHY_MAX], *text = NULL;

	if (setup_file_read(&file, path, why) != 0)
		plan_refuse("%s", why);
	else if (file.text == NULL)
		plan_refuse("%s isn't there: install Berth again", path);
	else if ((text = strdup(file.text)) == NULL)
		plan_refuse("no memory");
	setup_file_free(&file);
	return text;
}

static int
want_drop_in(struct plan *plan)
{
	struct setup_file *file = &plan->files[FILE_DROP_IN], *sshd = &plan->files[FILE_SSHD];
	char *packaged = read_packaged(BERTH_SSHD_DROP_IN);

	if (packaged == NULL)
		return -1;
	setup_file_want(file, text_sshd_drop_in(packaged, plan->config.keys_user));
	free(packaged);
	if (sshd->text == NULL)
		return plan_refuse(SSHD_CONFIG_FILE " isn't there: `apt install --reinstall -o Dpkg::Options::=--force-confmiss "
		    "openssh-server`");
	if (!text_reads_drop_in(sshd->text, DROP_IN))
		setup_file_want(sshd, text_include_add(sshd->text, DROP_IN));
	return file->wanted != NULL && sshd->wanted != NULL ? 0 : plan_refuse("no memory");
}

static int
want_remote(struct plan *plan)
{
	struct setup_file *file = &plan->files[FILE_REMOTE];

	/* One that is there may be the operator's own by now. */
	if (!config_store_is_remote(&plan->config) || file->text != NULL)
		return 0;
	setup_file_want(file, read_packaged(BERTH_REMOTE_DROP_IN));
	return file->wanted != NULL ? 0 : -1;
}

/*
 * The plan.
 */

static int
plan_setup(struct plan *plan)
{
	char why[SETUP_WHY_MAX];

	if (check_modules() != 0 || plan_config(plan) != 0 || want_drop_in(plan) != 0 || find_keys_command(plan) != 0 ||
	    want_wiring(plan, FILE_NSSWITCH, nsswitch_add, "libnss_berth(8)") != 0 ||
	    want_wiring(plan, FILE_PAM, pam_file_add, "pam_berth(8)") != 0 || want_remote(plan) != 0)
		return -1;
	if (host_state_sound(&plan->before, why) != 0)
		return plan_refuse("%s", why);
	if (plan_check_sshd(plan) != 0)
		return -1;
	/* Nobody is found whom PAM wouldn't seal: sshd by itself would look for keys in a home that the user may write. */
	plan_add_file(plan, FILE_PAM);
	plan_add_file(plan, FILE_NSSWITCH);
	plan_add_directory(plan, SSHD_CONFIG_DIR);
	plan_add_file(plan, FILE_DROP_IN);
	plan_add_file(plan, FILE_SSHD);
	if (setup_file_changes(&plan->files[FILE_REMOTE]))
		plan_add_directory(plan, REMOTE_DIR);
	plan_add_file(plan, FILE_REMOTE);
	return 0;
}

static void
want_removed(struct setup_file *file, char *(*without)(const char *))
{
	if (file->text != NULL)
		setup_file_want(file, without(file->text));
}

static int
plan_undo(struct plan *plan)
{
	struct setup_file *sshd = &plan->files[FILE_SSHD];
	bool changes = false;

	if (sshd->text != NULL)
		setup_file_want(sshd, text_include_remove(sshd->text, DROP_IN));
	setup_file_want(&plan->files[FILE_DROP_IN], NULL);
	want_removed(&plan->files[FILE_PAM], pam_file_remove);
	want_removed(&plan->files[FILE_NSSWITCH], nsswitch_remove);
	setup_file_want(&plan->files[FILE_REMOTE], NULL);
	for (size_t i = 0; i < FILE_COUNT; i++)
		if (i != FILE_DROP_IN && i != FILE_REMOTE && plan->files[i].text != NULL && plan->files[i].wanted == NULL)
			return plan_refuse("no memory");
	for (size_t i = 0; i < FILE_COUNT; i++)
		changes = changes || setup_file_changes(&plan->files[i]);
	plan_add_file(plan, FILE_SSHD);
	plan_add_file(plan, FILE_DROP_IN);
	/* Whichever files are left: one that was killed may have taken sshd's away, and not told it. */
	if (plan->units.sshd != NULL && changes)
		plan_add_step(plan, STEP_RELOAD_SSHD);
	plan_add_file(plan, FILE_NSSWITCH);
	plan_add_file(plan, FILE_PAM);
	if (!units_off(&plan->units))
		plan_add_step(plan, STEP_STOP);
	plan_add_file(plan, FILE_REMOTE);
	if (plan->units.systemd && setup_file_changes(&plan->files[FILE_REMOTE]))
		plan_add_step(plan, STEP_RELOAD_MANAGER);
	return 0;
}

/* sshd_missed_it: a setup that was killed has put the file there, and not told sshd, who writes its PidFile when it starts
 * and at each reload. */
static bool
sshd_missed_it(const struct setup_file *file)
{
	const struct timespec *changed = &file->status.st_ctim, *read;
	struct stat status;

	if (file->text == NULL || stat(SSHD_PID_FILE, &status) != 0)
		return false;
	read = &status.st_mtim;
	return changed->tv_sec > read->tv_sec || (changed->tv_sec == read->tv_sec && changed->tv_nsec > read->tv_nsec);
}

/* plan_units: what systemd has to do once the files are in place. */
static void
plan_units(struct plan *plan)
{
	bool remote = setup_file_changes(&plan->files[FILE_REMOTE]);

	if (!plan->units.systemd)
		return;
	if (remote)
		plan_add_step(plan, STEP_RELOAD_MANAGER);
	if (!units_on(&plan->units))
		plan_add_step(plan, STEP_START);
	if (plan->units.active[1] && (remote || setup_file_changes(&plan->files[FILE_CONFIG])))
		plan_add_step(plan, STEP_RESTART);
	if (plan->units.sshd != NULL && (setup_file_changes(&plan->files[FILE_DROP_IN]) ||
	    setup_file_changes(&plan->files[FILE_SSHD]) || sshd_missed_it(&plan->files[FILE_DROP_IN])))
		plan_add_step(plan, STEP_RELOAD_SSHD);
}

int
plan_make(struct plan *plan, bool undo)
{
	int result;

	*plan = (struct plan){ .undo = undo };
	for (size_t i = 0; i < FILE_COUNT; i++)
		plan->files[i] = (struct setup_file)SETUP_FILE_NONE;
	units_read(&plan->units);
	if (read_files(plan) != 0)
		return -1;
	host_state_read(&plan->before);
	result = undo ? plan_undo(plan) : plan_setup(plan);
	if (result == 0 && !undo)
		plan_units(plan);
	return result;
}

void
plan_free(struct plan *plan)
{
	for (size_t i = 0; i < FILE_COUNT; i++)
		setup_file_free(&plan->files[i]);
	for (size_t i = 0; i < plan->warning_count; i++)
		free(plan->warnings[i]);
	config_free(&plan->config);
	host_state_free(&plan->before);
}
