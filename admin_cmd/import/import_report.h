/*
 * What an import did: refused lines as they come, on stderr, and the summary at the end, on stdout.
 */
#ifndef BERTH_IMPORT_REPORT_H
#define BERTH_IMPORT_REPORT_H

#include <stdio.h>

#include "admin_cmd/import/import_left.h"
#include "admin_cmd/output.h"
#include "admin_cmd/progress.h"
#include "common/model/error.h"
#include "common/wire/limits.h"

/* An import from a service. */
struct import_transfer_report {
	char from[512];                         /* the service */
	char from_server_id[SERVER_ID_LENGTH + 1];
	const char *server_id;                  /* here */
	bool made;                              /* the server, here; in a dry run: would be */
	bool config_has_server;                 /* a ServerId */
	size_t skipped;                         /* users who were here already, and weren't looked at (--resume) */
	bool complete;
};

struct import_report {
	enum output_format output;
	bool dry_run;
	struct progress progress;
	size_t lines;   /* read so far; blank ones and those of a source that are no user count, too */
	size_t created, replaced, unchanged, refused;
	size_t system_accounts;
	FILE *refused_json;       /* with --output json: the refused lines until the summary, in a file without a name */
	size_t refused_written;
	struct import_left *left; /* of a source that isn't ours; else NULL */
	const struct import_transfer_report *transfer; /* then lines are users, and have no numbers; else NULL */
};

int import_report_start(struct import_report *report, enum output_format output, bool dry_run);
void import_report_free(struct import_report *report);

/* import_report_refused: says "line N: NAME: reason" and counts it. name may be ""; line 0: of no one line. */
void import_report_refused(struct import_report *report, size_t line, const char *name, const struct api_error *error);

/* import_report_print: the summary. Returns 0, or -1 after saying on stderr that it couldn't be written. */
int import_report_print(struct import_report *report);

/* import_temporary_file: a file that has no name any more, for what is too much for memory. NULL with errno. */
FILE *import_temporary_file(void);

#endif
