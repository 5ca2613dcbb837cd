#include "admin_cmd/doctor/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin_cmd/child.h"

const char *
walk_cure(struct walk *walk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(walk->cure, sizeof(walk->cure), format, arguments);
	va_end(arguments);
	return walk->cure;
}

static bool (*const STEPS[])(struct walk *walk) = {
	walk_name,
	walk_record,
	walk_keys,
	walk_agent,
	walk_nss,
	walk_sshd,
	walk_keys_command,
	walk_pam,
	walk_targets,
	walk_log,
};

/* first_of: the first finding of a level, from this one on; NULL: there is none. */
static const struct finding *
first_of(const struct findings *findings, size_t first, enum finding_level level)
{
	for (size_t i = first; i < findings->count; i++)
		if (findings->items[i].level == level)
			return &findings->items[i];
	return NULL;
}

static void
judge(const struct findings *findings, size_t first, const char *name, char verdict[WALK_VERDICT_MAX])
{
	const struct finding *fault = first_of(findings, first, FINDING_FAULT);
	const struct finding *warning = first_of(findings, first, FINDING_WARNING);

	if (fault != NULL)
		snprintf(verdict, WALK_VERDICT_MAX, "%.100s can't log in: %.800s", name, fault->found);
	else if (warning != NULL)
		snprintf(verdict, WALK_VERDICT_MAX, "%.100s can log in, but: %.800s", name, warning->found);
	else
		snprintf(verdict, WALK_VERDICT_MAX, "%.100s can log in", name);
}

void
walk_user(struct doctor *doctor, const char *name, char verdict[WALK_VERDICT_MAX])
{
	struct walk *walk = calloc(1, sizeof(*walk));
	struct walk_record *record = child_memory(sizeof(*record));
	size_t first = doctor->findings.count, step = 0;

	if (walk == NULL || record == NULL) {
		doctor->findings.out_of_memory = true;
		goto out;
	}
	*walk = (struct walk){ .doctor = doctor, .config = &doctor->config, .findings = &doctor->findings, .name = name,
		.record = record };
	while (step < sizeof(STEPS) / sizeof(STEPS[0]) && STEPS[step](walk))
		step++;
	sshd_settings_free(&walk->settings);
	session_free(&walk->session);
out:
	judge(&doctor->findings, first, name, verdict);
	child_memory_free(record, sizeof(*record));
	free(walk);
}
