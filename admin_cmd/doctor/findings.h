/*
 * What `berth doctor` found: a line for each link of the chain that a login hangs on, in the order in which they were looked
 * at.
 */
#ifndef BERTH_FINDINGS_H
#define BERTH_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_cmd/output.h"

enum finding_level {
	FINDING_OK,
	FINDING_UNKNOWN, /* it couldn't be looked at: an earlier link is broken, or it isn't of this host */
	FINDING_WARNING, /* logins work; something is at risk, or will be */
	FINDING_FAULT,   /* logins fail, or a promise doesn't hold */
};

struct finding {
	enum finding_level level;
	char *link;  /* "nss": a word by which programs know it */
	char *found; /* one line; may hold any printable text */
	char *cure;  /* a command, or one sentence; NULL where there is nothing to do */
};

struct findings {
	struct finding *items;
	size_t count;
	bool out_of_memory;
};

/* findings_add: cure may be NULL. What the line holds of records and files is made printable here. */
void findings_add(struct findings *findings, enum finding_level level, const char *link, const char *cure, const char *format,
    ...) __attribute__((format(printf, 5, 6)));
void findings_free(struct findings *findings);

/* findings_count: how many there are of a level. */
size_t findings_count(const struct findings *findings, enum finding_level level);
/* findings_first_fault: NULL: there is none. */
const struct finding *findings_first_fault(const struct findings *findings);

/*
 * findings_print: on stdout: for people (OUTPUT_DEFAULT, OUTPUT_TABLE) a line each, aligned, the cure below it after an arrow,
 * and `verdict` last; OUTPUT_TEXT: tabs between level, link, found, cure; OUTPUT_JSON: {"Findings":[{"Level","Link","Found",
 * "Cure"}],"Faults":N,"Warnings":N,"Verdict":"…"}. Returns the command's exit code: COMMAND_OK without a fault,
 * COMMAND_FAULTS, or COMMAND_FAILED when it can't be printed.
 */
int findings_print(const struct findings *findings, enum output_format format, const char *verdict);

#endif
