/*
 * berth import: users from lines of JSON, or from what other servers keep them in, into a server of the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/import/import_batch.h"
#include "admin_cmd/import/import_flags.h"
#include "admin_cmd/import/import_lines.h"
#include "admin_cmd/import/import_transfer.h"
#include "admin_cmd/local_store.h"
#include "common/model/patterns.h"

#define COMMAND "berth import"

/* As whoever runs the command, and before the process is the store's user. */
static int
open_input(const struct import_flags *flags)
{
	struct stat status;
	int file;

	if (flags->file == NULL || strcmp(flags->file, "-") == 0)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	file = open(flags->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file != -1 && fstat(file, &status) == 0 && !S_ISDIR(status.st_mode))
		return file;
	if (file != -1) {
		errno = EISDIR;
		close(file);
	}
	return -1;
}

/* How much there is to read: what a time left goes by. */
static uint64_t
input_size(int file)
{
	off_t at = lseek(file, 0, SEEK_CUR);
	struct stat status;

	if (at == -1 || fstat(file, &status) == -1 || !S_ISREG(status.st_mode) || status.st_size <= at)
		return 0;
	return (uint64_t)(status.st_size - at);
}

/*
 * The first line that isn't blank may tell that the file is JSON, but not one user a line: then every line would be refused,
 * for a reason that helps nobody.
 */
static int
check_first_line(const char *text, size_t length)
{
	while (length > 0 && strchr(" \t", *text) != NULL) {
		text++;
		length--;
	}
	while (length > 0 && strchr(" \t", text[length - 1]) != NULL)
		length--;
	if (text[0] == '[') {
		fputs(COMMAND ": this is a JSON list, and users come one a line: `jq -c '.[]' FILE | berth import` takes "
		    "them out of it\n", stderr);
		return -1;
	}
	if (length == 1 && text[0] == '{') {
		fputs(COMMAND ": this is JSON over several lines, and users come one a line: `jq -c . FILE | berth import` "
		    "makes lines of it (for what describe-user prints: `jq -c .User`)\n", stderr);
		return -1;
	}
	return 0;
}

static bool
is_blank(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] != ' ' && text[i] != '\t')
			return false;
	return true;
}

struct run {
	struct import_lines lines;
	struct import_batch *batch;
	struct import_report *report;
	size_t committed; /* up to this line, all is in */
	bool begun;       /* a line that isn't blank has been seen */
};

/* Reads until a batch is full, or more would have to be waited for. *more: there may be more to come. Returns an exit
 * code. */
static int
read_batch(struct run *run, bool *more)
{
	struct api_error too_long;
	enum import_line got;
	const char *text;
	size_t length;

	do {
		got = import_lines_next(&run->lines, &text, &length);
		*more = got != IMPORT_LINE_END;
		if (got == IMPORT_LINE_FAILED) {
			fprintf(stderr, COMMAND ": the input can't be read: %s\n", strerror(errno));
			return COMMAND_FAILED;
		}
		run->report->lines = run->lines.number;
		if (got == IMPORT_LINE_TOO_LONG) {
			api_fail(&too_long, API_SERIALIZATION,
			    "The line is longer than %u bytes, the most that one may have", IMPORT_LINE_MAX);
			import_batch_refuse(run->batch, run->lines.number, &too_long);
		} else if (got == IMPORT_LINE && !is_blank(text, length)) {
			if (!run->begun && check_first_line(text, length) == -1)
				return COMMAND_FAILED;
			run->begun = true;
			import_batch_add(run->batch, run->lines.number, text, length);
		}
	} while (*more && !import_batch_full(run->batch) &&
	    (import_batch_empty(run->batch) || import_lines_ready(&run->lines)));
	return COMMAND_OK;
}

static void
report_fault(const struct run *run, const struct api_error *error)
{
	if (run->report->dry_run)
		fprintf(stderr, COMMAND ": %s\n", error->message);
	else if (run->committed == 0)
		fprintf(stderr, COMMAND ": %s. Nothing has been written\n", error->message);
	else
		fprintf(stderr, COMMAND ": %s. All up to line %zu is in; the same import again goes on from there\n",
		    error->message, run->committed);
}

static int
run_batches(struct run *run)
{
	struct import_report *report = run->report;
	int result, written = 0;
	struct api_error error;
	bool more;

	do {
		result = read_batch(run, &more);
		/* What came before a fault of reading is good. */
		written = import_batch_write(run->batch, &run->committed, &error);
		progress_users(&report->progress, report->created + report->replaced + report->unchanged + report->refused,
		    run->lines.taken);
	} while (more && result == COMMAND_OK && written == 0);
	progress_clear(&report->progress);
	if (written == -1) {
		report_fault(run, &error);
		return COMMAND_FAILED;
	}
	return result;
}

static int
import_lines_of(int file, const struct import_target *target, struct import_report *report)
{
	struct run run = { .report = report, .batch = import_batch_new(target, report) };
	int result = COMMAND_FAILED;

	if (run.batch == NULL || import_lines_start(&run.lines, file) == -1)
		fputs(COMMAND ": no memory\n", stderr);
	else
		result = run_batches(&run);
	import_lines_free(&run.lines);
	import_batch_free(run.batch);
	if (result != COMMAND_OK)
		return result;
	if (import_report_print(report) == -1)
		return COMMAND_FAILED;
	return report->refused > 0 ? COMMAND_SOME_REFUSED : COMMAND_OK;
}

static int
check_server(struct store *store, const char *server_id)
{
	struct api_error error;
	bool online;
	int found = store_find_server(store, server_id, &online, &error);

	if (found == 1)
		return 0;
	if (found == 0)
		fprintf(stderr, COMMAND ": the store has no server %s\n",
		    pattern_server_id(server_id) ? server_id : "of such an id");
	else
		fprintf(stderr, COMMAND ": %s\n", error.message);
	return -1;
}

/* From here on the process is the store's user: what only its caller may read has been opened. */
static int
import_file(int file, const struct import_flags *flags, const struct config *config, struct import_report *report)
{
	struct import_target target = {
		.config = config,
		.server_id = flags->server_id,
		.source = "the line",
		.replace = flags->replace,
		.dry_run = flags->dry_run,
	};
	int result = COMMAND_FAILED;

	if (local_store_open(COMMAND, config, flags->dry_run ? STORE_READ : STORE_WRITE, &target.store) == -1)
		return COMMAND_FAILED;
	if (check_server(target.store, target.server_id) == 0) {
		progress_start(&report->progress, true, input_size(file));
		result = import_lines_of(file, &target, report);
	}
	store_close(target.store);
	return result;
}

static int
run_transfer(const struct import_flags *flags, const struct config *config, struct import_report *report)
{
	int result;

	if ((report->left = import_left_new()) == NULL) {
		fputs(COMMAND ": no memory\n", stderr);
		return COMMAND_FAILED;
	}
	result = import_transfer(flags, config, report);
	import_left_free(report->left);
	report->left = NULL;
	return result;
}

static int
run_import(struct import_flags *flags, const struct config *config, struct import_report *report)
{
	int file = open_input(flags), converted = -1, result = COMMAND_FAILED;

	if (file == -1) {
		fprintf(stderr, COMMAND ": %s: %s\n", flags->file == NULL ? "stdin" : flags->file, strerror(errno));
		return COMMAND_FAILED;
	}
	if (flags->from == NULL)
		result = import_file(file, flags, config, report);
	else if ((report->left = import_left_new()) == NULL)
		fputs(COMMAND ": no memory\n", stderr);
	else if ((converted = import_source_convert(flags->from, file, &flags->source, config, report)) != -1)
		result = import_file(converted, flags, config, report);
	if (converted != -1)
		close(converted);
	close(file);
	import_left_free(report->left);
	report->left = NULL;
	return result;
}

int
import_command(int argc, char **argv, struct command_globals *globals)
{
	struct config config = { .store = NULL };
	struct import_report report = { .lines = 0 };
	struct import_flags flags;
	int result = import_flags_read(argc, argv, &flags, globals);

	if (result != COMMAND_OK)
		return result;
	if (globals->help)
		return import_flags_help();
	result = COMMAND_FAILED;
	if (local_store_config(COMMAND, globals->config_file, &config) == -1 || local_store_only(COMMAND, &config) == -1)
		goto out;
	if (flags.transfer.url != NULL) {
		if (import_report_start(&report, globals->output, flags.dry_run) == 0)
			result = run_transfer(&flags, &config, &report);
		goto out;
	}
	if (flags.server_id == NULL && (flags.server_id = config.server_id) == NULL) {
		result = import_flags_wrong("the following arguments are required: --server-id", "");
		goto out;
	}
	if (import_report_start(&report, globals->output, flags.dry_run) == 0)
		result = run_import(&flags, &config, &report);
out:
	import_report_free(&report);
	config_free(&config);
	return result;
}
