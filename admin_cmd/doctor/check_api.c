/* berth-api, where it is used: its own test says what is wrong. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "admin_cmd/doctor/checks.h"
#include "admin_cmd/run_program.h"

#define LINK "api"
#define PROGRAM "/usr/sbin/berth-api"
#define WARNING "warning: "

/* is_used: somebody has given it a certificate, a key to call it with, or a place in the boot. */
static bool
is_used(const struct config *config)
{
	static const char *const argv[] = { SYSTEMCTL_PROGRAM, "is-enabled", "--quiet", "berth-api.service", NULL };
	struct program_result result;
	struct stat status;
	bool used = false;

	if (stat(PROGRAM, &status) != 0)
		return false;
	if (config->api_certificate != NULL || lstat(config->api_keys_file, &status) == 0)
		return true;
	if (checks_systemd()) {
		used = run_program(argv, NULL, &result) == 0 && result.status == 0;
		program_free(&result);
	}
	return used;
}

static void
take_line(struct checks *checks, const char *line)
{
	bool warning = strncmp(line, WARNING, strlen(WARNING)) == 0;
	char cure[CURE_MAX];

	if (line[0] != '\0')
		findings_add(checks->findings, warning ? FINDING_WARNING : FINDING_FAULT, LINK,
		    cure_format(cure, "Put it right until `berth-api -t` says nothing, then %s.",
		        checks_service("systemctl reload berth-api", "reload berth-api")),
		    "%s", line + (warning ? strlen(WARNING) : 0));
}

void
check_api(struct checks *checks)
{
	const char *const argv[] = { PROGRAM, "-t", "-f", checks->doctor->config_file, NULL };
	size_t before = checks->findings->count;
	struct program_result result;
	char *at, *line;

	if (!checks->doctor->configured || !checks->accounts_well || config_store_is_remote(checks->config) ||
	    !is_used(checks->config))
		return;
	if (run_program(argv, NULL, &result) == 0)
		for (at = result.errors; (line = strsep(&at, "\n")) != NULL;)
			take_line(checks, line);
	if (checks->findings->count == before && result.status == 0)
		check_ok(checks, LINK, "berth-api's settings, keys and log are well");
	else if (checks->findings->count == before)
		check_fault(checks, LINK, "berth-api -t", PROGRAM " -t ended with status %d", result.status);
	program_free(&result);
}
