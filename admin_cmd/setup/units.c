#include "admin_cmd/setup/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/run_program.h"

#define SECONDS   60 /* a unit's own time limits are longer, its usual times shorter */

static const char *const UNITS[UNITS_COUNT] = { "berthd.socket", "berthd.service" };

/* call: systemctl's exit status, or -1 with `why`. */
static int
call(const char *verb, const char *option, const char *unit, const char *other, char *why)
{
	const char *argv[6] = { SYSTEMCTL_PROGRAM, verb };
	const struct program_options options = { .seconds = SECONDS };
	struct program_result result;
	size_t count = 2;
	int status;

	if (option != NULL)
		argv[count++] = option;
	if (unit != NULL)
		argv[count++] = unit;
	if (other != NULL)
		argv[count++] = other;
	if (run_program(argv, &options, &result) != 0) {
		status = -1;
		snprintf(why, SETUP_WHY_MAX, SYSTEMCTL_PROGRAM ": %s", strerror(errno));
	} else {
		status = result.status;
		snprintf(why, SETUP_WHY_MAX, "systemctl %s %s: %s", verb, unit != NULL ? unit : "",
		    result.timed_out ? "it doesn't end" : program_said(&result));
	}
	program_free(&result);
	return status;
}

static int
must(const char *verb, const char *option, const char *unit, const char *other, char *why)
{
	return call(verb, option, unit, other, why) == 0 ? 0 : -1;
}

void
units_read(struct units *units)
{
	static const char *const sshd[] = { "ssh.service", "sshd.service" };
	char why[SETUP_WHY_MAX];

	*units = (struct units){ .systemd = access("/run/systemd/system", F_OK) == 0 };
	if (!units->systemd)
		return;
	for (size_t i = 0; i < UNITS_COUNT; i++) {
		units->enabled[i] = call("is-enabled", "--quiet", UNITS[i], NULL, why) == 0;
		units->active[i] = call("is-active", "--quiet", UNITS[i], NULL, why) == 0;
	}
	for (size_t i = 0; i < sizeof(sshd) / sizeof(sshd[0]) && units->sshd == NULL; i++)
		if (call("is-active", "--quiet", sshd[i], NULL, why) == 0)
			units->sshd = sshd[i];
}

bool
units_on(const struct units *units)
{
	return units->enabled[0] && units->enabled[1] && units->active[0] && units->active[1];
}

bool
units_off(const struct units *units)
{
	return !units->enabled[0] && !units->enabled[1] && !units->active[0] && !units->active[1];
}

int
units_start(char *why)
{
	return must("enable", "--now", UNITS[0], UNITS[1], why);
}

int
units_stop(char *why)
{
	return must("disable", "--now", UNITS[1], UNITS[0], why);
}

int
units_put_back(const struct units *before, char *why)
{
	char first[SETUP_WHY_MAX] = "", again[SETUP_WHY_MAX];

	/* The service before its socket, which would start it again. */
	for (size_t i = UNITS_COUNT; i-- > 0;) {
		if (must(before->enabled[i] ? "enable" : "disable", NULL, UNITS[i], NULL, again) != 0 && first[0] == '\0')
			snprintf(first, sizeof(first), "%s", again);
		if (must(before->active[i] ? "start" : "stop", NULL, UNITS[i], NULL, again) != 0 && first[0] == '\0')
			snprintf(first, sizeof(first), "%s", again);
	}
	snprintf(why, SETUP_WHY_MAX, "%s", first);
	return first[0] == '\0' ? 0 : -1;
}

int
units_restart_agent(char *why)
{
	return must("try-restart", NULL, UNITS[1], NULL, why);
}

int
units_reload_manager(char *why)
{
	return must("daemon-reload", NULL, NULL, NULL, why);
}

int
units_reload_sshd(const struct units *units, char *why)
{
	if (must("reload", NULL, units->sshd, NULL, why) != 0)
		return -1;
	if (must("is-active", NULL, units->sshd, NULL, why) == 0)
		return 0;
	/* It had the configuration of before until now. */
	snprintf(why, SETUP_WHY_MAX, "%s does not run any more after its reload: `journalctl -u %s`", units->sshd,
	    units->sshd);
	return -1;
}

int
units_revive_sshd(const struct units *units, char *why)
{
	return must("reload-or-restart", NULL, units->sshd, NULL, why);
}
