#include "admin_cmd/tail/tail_print.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "admin_cmd/tail/tail_filter.h"
#include "admin_cmd/tail/tail_text.h"

#define CELL_MAX 512
/* One very long name doesn't push all that comes after it off the screen. */
#define WIDTH_MAX 32

static const char *const headings[TAIL_COLUMNS] = { "TIME", "USER", "OPERATION", "BYTES", "DURATION", "STATUS" };

struct row {
	char cells[TAIL_COLUMNS][CELL_MAX];
};

static void
write_number(char *text, size_t size, double number)
{
	if (number >= 0 && number < 1e18)
		snprintf(text, size, "%.0f", number);
	else
		snprintf(text, size, "%s", "");
}

/* "0.012s", "7m03s", "5h07m". */
static void
write_duration(char *text, size_t size, double seconds)
{
	uint64_t whole;

	if (!(seconds >= 0 && seconds < 1e9)) {
		snprintf(text, size, "%s", "");
		return;
	}
	whole = (uint64_t)seconds;
	if (seconds < 60)
		snprintf(text, size, "%.3fs", seconds);
	else if (whole < 3600)
		snprintf(text, size, "%um%02us", (unsigned)(whole / 60), (unsigned)(whole % 60));
	else
		snprintf(text, size, "%uh%02um", (unsigned)(whole / 3600), (unsigned)(whole / 60 % 60));
}

/* "10:30:00" of today, "2026-11-21 10:30:00" otherwise; what has another form as it is. */
static void
write_time(char *text, size_t size, const char *time_text)
{
	char today[sizeof("2026-11-22T") + 16];
	time_t now = time(NULL);
	struct tm utc;
	size_t date = 0;

	if (strlen(time_text) != TAIL_TIME_SIZE - 1 || gmtime_r(&now, &utc) == NULL ||
	    (date = strftime(today, sizeof(today), "%Y-%m-%dT", &utc)) == 0 || time_text[date - 1] != 'T') {
		tail_text_copy(text, size, time_text);
		return;
	}
	snprintf(today + date, sizeof(today) - date, "%.8s", time_text + date);
	if (strncmp(time_text, today, date) != 0)
		snprintf(today, sizeof(today), "%.*s %.8s", (int)date - 1, time_text, time_text + date);
	else
		memmove(today, today + date, strlen(today + date) + 1);
	tail_text_copy(text, size, today);
}

/* A transfer that isn't whole says so even where nothing failed. */
static void
write_status(char *text, size_t size, const cJSON *event)
{
	const char *status = tail_event_string(event, "status");
	char both[CELL_MAX];

	if (!cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(event, "complete")))
		snprintf(both, sizeof(both), "%s", status);
	else if (strcmp(status, EVENT_STATUS_OK) == 0 || status[0] == '\0')
		snprintf(both, sizeof(both), "incomplete");
	else
		snprintf(both, sizeof(both), "incomplete: %s", status);
	tail_text_copy(text, size, both);
}

static void
make_row(struct row *row, const cJSON *event)
{
	write_time(row->cells[TAIL_COLUMN_TIME], CELL_MAX, tail_event_string(event, "time"));
	tail_text_copy(row->cells[TAIL_COLUMN_USER], CELL_MAX, tail_event_string(event, "user"));
	tail_text_copy(row->cells[TAIL_COLUMN_OPERATION], CELL_MAX, tail_event_string(event, "operation"));
	write_number(row->cells[TAIL_COLUMN_BYTES], CELL_MAX, tail_event_number(event, "bytes"));
	write_duration(row->cells[TAIL_COLUMN_DURATION], CELL_MAX, tail_event_number(event, "duration"));
	write_status(row->cells[TAIL_COLUMN_STATUS], CELL_MAX, event);
}

static void
widen(struct tail_printer *printer, const struct row *row)
{
	for (size_t i = 0; i < TAIL_COLUMNS; i++) {
		size_t width = strlen(row->cells[i]);

		if (width > WIDTH_MAX)
			width = WIDTH_MAX;
		if (width > printer->widths[i])
			printer->widths[i] = width;
	}
}

static bool
is_number(size_t column)
{
	return column == TAIL_COLUMN_TIME || column == TAIL_COLUMN_BYTES || column == TAIL_COLUMN_DURATION;
}

static void
print_cells(const struct tail_printer *printer, const struct row *row)
{
	for (size_t i = 0; i < TAIL_COLUMNS; i++)
		printf("%*s  ", is_number(i) ? (int)printer->widths[i] : -(int)printer->widths[i], row->cells[i]);
}

/* A string whose exact bytes, when they aren't UTF-8, stand in base64 beside it. Whether there is one. */
static bool
put_name(const cJSON *event, const char *name)
{
	const char *text = tail_event_string(event, name), *base64;
	char member[64];
	unsigned char *bytes;
	size_t length;
	int decoded;

	snprintf(member, sizeof(member), "%s_base64", name);
	base64 = tail_event_string(event, member);
	length = strlen(base64);
	if (length == 0 || length > INT32_MAX || (bytes = malloc(length)) == NULL) {
		tail_text_put(stdout, text, strlen(text));
		return text[0] != '\0';
	}
	decoded = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)length);
	for (; decoded > 0 && base64[length - 1] == '='; length--)
		decoded--; /* EVP_DecodeBlock() counts the padding as bytes */
	if (decoded > 0)
		tail_text_put(stdout, (const char *)bytes, (size_t)decoded);
	else
		tail_text_put(stdout, text, strlen(text));
	free(bytes);
	return true;
}

static void
put_count(const cJSON *object, const char *before, const char *name, const char *after)
{
	char number[32];

	write_number(number, sizeof(number), tail_event_number(object, name));
	printf("%s%s%s", before, number, after);
}

static void
put_totals(const cJSON *event)
{
	const cJSON *totals = cJSON_GetObjectItemCaseSensitive(event, "totals");

	put_count(totals, "put ", "files_put", " (");
	put_count(totals, "", "bytes_put", " bytes), got ");
	put_count(totals, "", "files_got", " (");
	put_count(totals, "", "bytes_got", " bytes), ");
	put_count(totals, "", "failed", " failed");
	if (tail_event_number(totals, "dropped") > 0)
		put_count(totals, ", ", "dropped", " lost");
}

/* What the event was about. */
static void
put_subject(const cJSON *event, enum event_operation operation)
{
	const char *client = tail_event_string(event, "client");

	if (operation == EVENT_SESSION_OPEN) {
		fputs("from ", stdout);
		tail_text_put(stdout, client, strlen(client));
	} else if (operation == EVENT_SESSION_CLOSE) {
		put_totals(event);
	} else if (operation == EVENT_DROPPED) {
		put_count(event, "", "dropped", " events were lost");
	} else {
		bool has_path = put_name(event, "path");

		if (tail_event_string(event, "new_path")[0] != '\0')
			fputs(" -> ", stdout);
		put_name(event, "new_path");
		if (has_path && tail_event_string(event, "text")[0] != '\0')
			fputs(operation == EVENT_SYMLINK ? " -> " : "  ", stdout);
		put_name(event, "text");
	}
}

static void
print_row(struct tail_printer *printer, const cJSON *event)
{
	struct row row;

	make_row(&row, event);
	widen(printer, &row);
	tail_printer_header(printer);
	print_cells(printer, &row);
	put_subject(event, event_operation_find(tail_event_string(event, "operation")));
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(event, "cut")))
		fputs("  (cut)", stdout);
	if (tail_event_number(event, "corrects") > 0)
		put_count(event, "  (corrects event ", "corrects", " of the session)");
	putchar('\n');
}

static void
print_text(const cJSON *event)
{
	static const char *const names[] = { "time", "session", "sequence", "server", "user", "client", "operation", "bytes",
		"duration", "status", "complete", "path", "new_path", "text" };
	char number[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(event, names[i]);

		if (i > 0)
			putchar('\t');
		if (cJSON_IsBool(item)) {
			fputs(cJSON_IsTrue(item) ? "true" : "false", stdout);
		} else if (cJSON_IsNumber(item) && strcmp(names[i], "duration") == 0) {
			printf("%.6f", item->valuedouble >= 0 && item->valuedouble < 1e9 ? item->valuedouble : 0);
		} else if (cJSON_IsNumber(item)) {
			write_number(number, sizeof(number), item->valuedouble);
			fputs(number, stdout);
		} else {
			put_name(event, names[i]);
		}
	}
	putchar('\n');
}

void
tail_printer_start(struct tail_printer *printer, enum output_format format)
{
	*printer = (struct tail_printer){ .format = format, .terminal = isatty(STDOUT_FILENO) == 1 };
	for (size_t i = 0; i < TAIL_COLUMNS; i++)
		printer->widths[i] = strlen(headings[i]);
	printer->widths[TAIL_COLUMN_TIME] = strlen("10:30:00");
	printer->widths[TAIL_COLUMN_BYTES] = strlen("1234567890");
}

void
tail_printer_measure(struct tail_printer *printer, const cJSON *event)
{
	struct row row;

	make_row(&row, event);
	widen(printer, &row);
}

void
tail_printer_header(struct tail_printer *printer)
{
	struct row row;

	if (printer->has_header || printer->format == OUTPUT_JSON || printer->format == OUTPUT_TEXT)
		return;
	printer->has_header = true;
	for (size_t i = 0; i < TAIL_COLUMNS; i++)
		snprintf(row.cells[i], CELL_MAX, "%s", headings[i]);
	print_cells(printer, &row);
	puts("PATH");
}

void
tail_printer_print(struct tail_printer *printer, const cJSON *event, const char *line, size_t length)
{
	if (printer->format == OUTPUT_TEXT) {
		print_text(event);
	} else if (printer->format != OUTPUT_JSON) {
		print_row(printer, event);
	} else {
		if (printer->terminal)
			tail_text_put_json(stdout, line, length);
		else
			fwrite(line, 1, length, stdout);
		putchar('\n');
	}
}
