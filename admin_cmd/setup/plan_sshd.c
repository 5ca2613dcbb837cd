/*
 * sshd as it is: what in it would keep Berth, or Berth's users, out.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/setup/plan_private.h"

/* warn: what the operator should know, once all is said. */
static void __attribute__((format(printf, 2, 3)))
warn(struct plan *plan, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (plan->warning_count < WARNINGS_MAX && vasprintf(&text, format, arguments) >= 0)
		plan->warnings[plan->warning_count++] = text;
	va_end(arguments);
}

static bool
setting_is(const struct sshd_settings *settings, const char *keyword, const char *value)
{
	char found[1024];

	return sshd_settings_value(settings, keyword, 0, found, sizeof(found)) >= 0 && strcmp(found, value) == 0;
}

static int
check_settings(const struct plan *plan)
{
	const struct sshd_settings *settings = &plan->before.settings;
	char value[1024];
	size_t length = strlen(plan->keys_command);

	if (!setting_is(settings, "usepam", "yes"))
		return plan_refuse("sshd has UsePAM no: Berth's users would not be sealed in, and don't get in: set UsePAM yes");
	if (!setting_is(settings, "pubkeyauthentication", "yes"))
		return plan_refuse("sshd has PubkeyAuthentication no: Berth's users have nothing but keys: set "
		    "PubkeyAuthentication yes");
	if (setting_is(settings, "authorizedkeyscommand", "none") ||
	    sshd_settings_value(settings, "authorizedkeyscommand", 0, value, sizeof(value)) < 0)
		return 0;
	if (strncmp(value, plan->keys_command, length) == 0 && (value[length] == ' ' || value[length] == '\0'))
		return 0;
	return plan_refuse("sshd has an AuthorizedKeysCommand of somebody else, and can have only one: %s: take it out of "
	    SSHD_CONFIG_FILE " or " SSHD_CONFIG_DIR, value);
}

/* warn_of_settings: of what holds for everybody, and would keep Berth's users out. */
static void
warn_of_settings(struct plan *plan)
{
	const struct sshd_settings *settings = &plan->before.settings;
	static const char *const who[] = { "allowusers", "denyusers", "denygroups" };
	char value[1024];
	bool admits = false;

	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
		if (sshd_settings_value(settings, who[i], 0, value, sizeof(value)) > 0)
			warn(plan, "sshd has %s %s: it holds for Berth's users, too", who[i], value);
	if (sshd_settings_value(settings, "allowgroups", 0, value, sizeof(value)) < 0)
		return;
	for (size_t i = 0; sshd_settings_value(settings, "allowgroups", i, value, sizeof(value)) >= 0; i++)
		admits = admits || fnmatch(value, "berth-users", 0) == 0;
	if (!admits)
		warn(plan, "sshd has AllowGroups without berth-users: Berth's users would not get in; add it there");
}

int
plan_check_sshd(struct plan *plan)
{
	if (check_settings(plan) != 0)
		return -1;
	warn_of_settings(plan);
	return 0;
}
