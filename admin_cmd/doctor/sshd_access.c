#include "admin_cmd/doctor/sshd_access.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/run_program.h"

#define LINK "sshd"
#define PATTERN_MAX 512
#define GROUPS_SECONDS 5

static bool
fits(const char *pattern, const char *name)
{
	char user[PATTERN_MAX];

	snprintf(user, sizeof(user), "%.*s", (int)strcspn(pattern, "@"), pattern);
	return fnmatch(user, name, FNM_NOESCAPE) == 0;
}

/* matches: whether any of the words fits a pattern of the keyword; *any: there are patterns. */
static bool
matches(const struct sshd_settings *settings, const char *keyword, char *words, bool *any)
{
	char pattern[PATTERN_MAX], list[4096], *at, *word;

	*any = false;
	for (size_t i = 0; sshd_settings_value(settings, keyword, i, pattern, sizeof(pattern)) >= 0; i++) {
		*any = true;
		snprintf(list, sizeof(list), "%s", words);
		for (at = list; (word = strsep(&at, " ")) != NULL;)
			if (word[0] != '\0' && fits(pattern, word))
				return true;
	}
	return false;
}

static void
judge(struct checks *checks, const struct sshd_settings *settings, bool allows, const char *keyword, const char *name,
    char *words)
{
	char cure[CURE_MAX];
	bool any, found = matches(settings, keyword, words, &any);
	bool groups = strstr(keyword, "groups") != NULL;

	if (!any || found == allows)
		return;
	if (allows)
		cure_format(cure, "Add \"%s %s\" to sshd_config, then reload sshd.", name, groups ? BERTH_USERS_GROUP :
		    checks->probe.name);
	else
		cure_format(cure, "Take %s out of %s in sshd_config, then reload sshd.", groups ? "Berth's group" :
		    checks->probe.name, name);
	check_fault(checks, LINK, cure, "%s keeps %s out, whose groups are %s", name, checks->probe.name,
	    words);
}

void
sshd_access_check(struct checks *checks, const struct sshd_settings *settings)
{
	const char *const argv[] = { "/usr/bin/id", "-Gn", checks->probe.name, NULL };
	const struct program_options options = { .seconds = GROUPS_SECONDS };
	struct program_result result;
	char groups[1024];

	if (run_program(argv, &options, &result) != 0 || result.status != 0) {
		check_unknown(checks, LINK, "the groups of %s aren't known: %s", checks->probe.name,
		    program_said(&result));
		program_free(&result);
		return;
	}
	snprintf(groups, sizeof(groups), "%.*s", (int)strcspn(result.output, "\n"), result.output);
	program_free(&result);
	judge(checks, settings, false, "denyusers", "DenyUsers", checks->probe.name);
	judge(checks, settings, true, "allowusers", "AllowUsers", checks->probe.name);
	judge(checks, settings, false, "denygroups", "DenyGroups", groups);
	judge(checks, settings, true, "allowgroups", "AllowGroups", groups);
}
