#include "admin_cmd/usage.h"

#include <stdarg.h>
#include <string.h>

#include "admin_cmd/command.h"
#include "common/host/paths.h"

#define FLAG_WIDTH 38

static void
print_line(FILE *stream, const char *flag, const char *note)
{
	if (note == NULL)
		fprintf(stream, "  %s\n", flag);
	else if (strlen(flag) < FLAG_WIDTH)
		fprintf(stream, "  %-*s %s\n", FLAG_WIDTH, flag, note);
	else
		fprintf(stream, "  %s\n  %*s %s\n", flag, FLAG_WIDTH, "", note);
}

static void
print_flag(FILE *stream, const struct flag *flag)
{
	char text[128];

	snprintf(text, sizeof(text), "--%s %s", flag->name, flag->value);
	print_line(stream, text, flag->note);
}

static void
print_common(FILE *stream)
{
	print_line(stream, "--config FILE", "default: " BERTH_CONFIG_FILE);
	print_line(stream, "--output json|text|table", "default: json");
}

static void
print_paging(FILE *stream)
{
	print_line(stream, "--max-items N", "stop after N, and print a NextToken to go on from");
	print_line(stream, "--starting-token TOKEN", "go on from there");
	print_line(stream, "--page-size N", "how many to ask the store for at once");
	print_line(stream, "--no-paginate", "print the first page alone");
}

void
usage_operation(FILE *stream, const struct admin_operation *operation)
{
	fprintf(stream, "usage: berth admin %s", operation->name);
	for (size_t i = 0; i < operation->flag_count; i++) {
		const struct flag *flag = &operation->flags[i];

		if (flag->required && strcmp(flag->name, "server-id") != 0)
			fprintf(stream, " --%s %s", flag->name, flag->value);
	}
	fprintf(stream, " [FLAG ...]\n\n%s\n\n", operation->summary);
	for (size_t i = 0; i < operation->flag_count; i++)
		print_flag(stream, &operation->flags[i]);
	if (operation->list_member != NULL)
		print_paging(stream);
	print_common(stream);
	fputs("\nA value may be file://PATH: what stands in that file.\n", stream);
}

void
usage_admin(FILE *stream)
{
	fputs("usage: berth admin OPERATION [FLAG ...]\n\n", stream);
	for (size_t i = 0; i < operation_table_count; i++)
		fprintf(stream, "  %-23s %s\n", operation_table[i].name, operation_table[i].summary);
	fputs("\n", stream);
	print_common(stream);
	fputs("\n`berth admin OPERATION help` lists an operation's flags.\n", stream);
}

int
usage_error(const struct admin_operation *operation, const char *format, ...)
{
	va_list arguments;

	usage_operation(stderr, operation);
	fprintf(stderr, "\nberth admin %s: error: ", operation->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return COMMAND_USAGE;
}
