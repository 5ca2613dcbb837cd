#include "admin_cmd/doctor/findings.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "admin_cmd/command.h"

#define FOUND_MAX 1024

static const char *const LEVELS[] = { "ok", "unknown", "warning", "fault" };

static struct finding *
room_for_one(struct findings *findings)
{
	struct finding *items = realloc(findings->items, (findings->count + 1) * sizeof(*items));

	if (items != NULL)
		findings->items = items;
	return items != NULL ? &items[findings->count] : NULL;
}

static void
finding_free(struct finding *finding)
{
	free(finding->link);
	free(finding->found);
	free(finding->cure);
}

void
findings_add(struct findings *findings, enum finding_level level, const char *link, const char *cure,
    const char *format, ...)
{
	struct finding *finding = room_for_one(findings);
	char found[FOUND_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(found, sizeof(found), format, arguments);
	va_end(arguments);
	if (finding == NULL) {
		findings->out_of_memory = true;
		return;
	}
	finding->level = level;
	finding->link = strdup(link);
	finding->found = output_safe(found);
	finding->cure = cure != NULL ? output_safe(cure) : NULL;
	if (finding->link != NULL && finding->found != NULL && (cure == NULL || finding->cure != NULL)) {
		findings->count++;
		return;
	}
	finding_free(finding);
	findings->out_of_memory = true;
}

void
findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		finding_free(&findings->items[i]);
	free(findings->items);
	*findings = (struct findings){ 0 };
}

size_t
findings_count(const struct findings *findings, enum finding_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->items[i].level == level;
	return count;
}

const struct finding *
findings_first_fault(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].level == FINDING_FAULT)
			return &findings->items[i];
	return NULL;
}

static int
link_width(const struct findings *findings)
{
	size_t width = 0;

	for (size_t i = 0; i < findings->count; i++)
		if (strlen(findings->items[i].link) > width)
			width = strlen(findings->items[i].link);
	return (int)width;
}

/* columns: of the terminal on stdout; a very large number where there is none. */
static size_t
columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
}

/* print_wrapped: from this column on, broken between words. */
static void
print_wrapped(const char *text, size_t column)
{
	size_t end = columns(), at = column, length;

	for (; *text != '\0'; text += length) {
		length = strcspn(text + 1, " ") + 1;
		if (at > column && *text == ' ' && length > end - at) {
			printf("\n%*s", (int)column, "");
			text++;
			length--;
			at = column;
		}
		printf("%.*s", (int)length, text);
		at = length < end - at ? at + length : end;
	}
	putchar('\n');
}

/* print_lines: a cure is not broken into lines, and stands further left: it is there to be copied. */
static void
print_lines(const struct findings *findings, const char *verdict)
{
	int width = link_width(findings);

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		printf("%-7s  %-*s  ", LEVELS[finding->level], width, finding->link);
		print_wrapped(finding->found, (size_t)width + 11);
		if (finding->cure != NULL)
			printf("%-7s  -> %s\n", "", finding->cure);
	}
	printf("\n%s\n", verdict);
}

static void
print_text(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		printf("%s\t%s\t%s\t%s\n", LEVELS[finding->level], finding->link, finding->found,
		    finding->cure != NULL ? finding->cure : "");
	}
}

static bool
add_item(cJSON *list, const struct finding *finding)
{
	cJSON *item = cJSON_CreateObject();

	if (!cJSON_AddItemToArray(list, item)) {
		cJSON_Delete(item);
		return false;
	}
	return cJSON_AddStringToObject(item, "Level", LEVELS[finding->level]) != NULL &&
	    cJSON_AddStringToObject(item, "Link", finding->link) != NULL &&
	    cJSON_AddStringToObject(item, "Found", finding->found) != NULL &&
	    (finding->cure == NULL || cJSON_AddStringToObject(item, "Cure", finding->cure) != NULL);
}

static int
print_json(const struct findings *findings, const char *verdict)
{
	cJSON *response = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(response, "Findings");
	bool well = list != NULL;
	int result = -1;

	for (size_t i = 0; i < findings->count && well; i++)
		well = add_item(list, &findings->items[i]);
	if (well &&
	    cJSON_AddNumberToObject(response, "Faults", (double)findings_count(findings, FINDING_FAULT)) != NULL &&
	    cJSON_AddNumberToObject(response, "Warnings", (double)findings_count(findings, FINDING_WARNING)) != NULL &&
	    cJSON_AddStringToObject(response, "Verdict", verdict) != NULL)
		result = output_json(stdout, response);
	cJSON_Delete(response);
	return result;
}

int
findings_print(const struct findings *findings, enum output_format format, const char *verdict)
{
	int result = findings->out_of_memory ? -1 : 0;

	if (result == 0 && format == OUTPUT_JSON)
		result = print_json(findings, verdict);
	else if (result == 0 && format == OUTPUT_TEXT)
		print_text(findings);
	else if (result == 0)
		print_lines(findings, verdict);
	if (result == -1) {
		fputs("berth doctor: no memory\n", stderr);
		return COMMAND_FAILED;
	}
	if (output_flush() != 0)
		return COMMAND_FAILED;
	return findings_first_fault(findings) != NULL ? COMMAND_FAULTS : COMMAND_OK;
}
