#include "admin_cmd/import/import_report.h"

#include <errno.h>
#include <string.h>

#include "common/model/error_json.h"

FILE *
import_temporary_file(void)
{
	/* glibc: made with O_TMPFILE, or unlinked at once. */
	return tmpfile();
}

int
import_report_start(struct import_report *report, enum output_format output, bool dry_run)
{
	memset(report, 0, sizeof(*report));
	report->output = output;
	report->dry_run = dry_run;
	if (output != OUTPUT_JSON || (report->refused_json = import_temporary_file()) != NULL)
		return 0;
	fprintf(stderr, "berth import: no temporary file: %s\n", strerror(errno));
	return -1;
}

void
import_report_free(struct import_report *report)
{
	if (report->refused_json != NULL)
		fclose(report->refused_json);
	report->refused_json = NULL;
}

static cJSON *
refused_item(size_t line, const char *name, const struct api_error *error)
{
	cJSON *item = cJSON_CreateObject(), *why = api_error_json(error);

	if (item != NULL && why != NULL && (line == 0 || cJSON_AddNumberToObject(item, "Line", (double)line) != NULL) &&
	    cJSON_AddStringToObject(item, "UserName", name) != NULL && cJSON_AddItemToObject(item, "Error", why))
		return item;
	cJSON_Delete(why);
	cJSON_Delete(item);
	return NULL;
}

/* Compact, one below the other: the summary takes them as they stand. */
static void
keep_refused(struct import_report *report, size_t line, const char *name, const struct api_error *error)
{
	cJSON *item = refused_item(line, name, error);
	char *text = item == NULL ? NULL : cJSON_PrintUnformatted(item);

	if (text != NULL)
		fprintf(report->refused_json, "%s        %s", report->refused_written++ == 0 ? "\n" : ",\n", text);
	cJSON_free(text);
	cJSON_Delete(item);
}

void
import_report_refused(struct import_report *report, size_t line, const char *name, const struct api_error *error)
{
	struct api_error said;
	char where[32] = "";

	if (line > 0)
		snprintf(where, sizeof(where), "line %zu: ", line);
	/* A message is clean of what disturbs a terminal; the name is what the line says. */
	api_fail(&said, error->code, "%s%s%s%s", where, name, name[0] == '\0' ? "" : ": ", error->message);
	progress_clear(&report->progress);
	fprintf(stderr, "%s\n", said.message);
	report->refused++;
	if (report->refused_json == NULL)
		return;
	api_fail(&said, API_OK, "%s", name);
	keep_refused(report, line, said.message, error);
}

static int
copy_refused(struct import_report *report)
{
	char buffer[4096];
	size_t count;

	rewind(report->refused_json);
	while ((count = fread(buffer, 1, sizeof(buffer), report->refused_json)) > 0)
		fwrite(buffer, 1, count, stdout);
	return ferror(report->refused_json) ? -1 : 0;
}

/* What is said of an import from a service. */
static void
print_transfer_json(const struct import_report *report)
{
	const struct import_transfer_report *transfer = report->transfer;

	printf("    \"Users\": %zu,\n    \"Skipped\": %zu,\n    \"FromServerId\": \"%s\",\n"
	    "    \"ServerId\": \"%s\",\n    \"ServerCreated\": %s,\n    \"Complete\": %s,\n", report->lines,
	    transfer->skipped, transfer->from_server_id, transfer->server_id, transfer->made ? "true" : "false",
	    transfer->complete ? "true" : "false");
}

static int
print_json(struct import_report *report)
{
	int result;

	printf("{\n    \"Created\": %zu,\n    \"Replaced\": %zu,\n    \"Unchanged\": %zu,\n    \"Refused\": %zu,\n"
	    "    \"DryRun\": %s,\n", report->created, report->replaced, report->unchanged, report->refused,
	    report->dry_run ? "true" : "false");
	if (report->transfer != NULL)
		print_transfer_json(report);
	else
		printf("    \"Lines\": %zu,\n", report->lines);
	if (report->left != NULL && report->transfer == NULL)
		printf("    \"SystemAccounts\": %zu,\n", report->system_accounts);
	if (report->left != NULL) {
		printf("    \"NotCarriedOver\": ");
		if (import_left_print_json(report->left) == -1)
			return -1;
		printf(",\n");
	}
	printf("    \"%s\": [", report->transfer != NULL ? "RefusedUsers" : "RefusedLines");
	result = copy_refused(report);
	printf("%s]\n}\n", report->refused_written == 0 ? "" : "\n    ");
	return result;
}

static void
print_transfer_text(const struct import_report *report)
{
	const struct import_transfer_report *transfer = report->transfer;

	printf("server %s of %s, into %s%s%s\n", transfer->from_server_id, transfer->from, transfer->server_id,
	    !transfer->made ? "" : report->dry_run ? ", which would be made" : ", which was made",
	    !transfer->made || transfer->config_has_server ? "" : "; berth.conf needs its ServerId to serve it");
}

static int
print_text(struct import_report *report)
{
	if (report->left != NULL && import_left_print(report->left) == -1)
		return -1;
	if (report->transfer != NULL)
		print_transfer_text(report);
	printf("%screated %zu, replaced %zu, unchanged %zu, refused %zu",
	    report->dry_run ? "dry run, nothing written: " : "", report->created, report->replaced, report->unchanged,
	    report->refused);
	if (report->transfer != NULL && report->transfer->skipped > 0)
		printf(", passed over %zu", report->transfer->skipped);
	if (report->left != NULL && report->transfer == NULL)
		printf(", system accounts %zu", report->system_accounts);
	printf("; %zu %s%s\n", report->lines, report->transfer != NULL ? "user" : "line", report->lines == 1 ? "" : "s");
	return 0;
}

int
import_report_print(struct import_report *report)
{
	if ((report->output == OUTPUT_JSON ? print_json(report) : print_text(report)) == -1) {
		fprintf(stderr, "berth import: the summary can't be written: %s\n", strerror(errno));
		return -1;
	}
	return output_flush();
}
