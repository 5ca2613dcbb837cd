#include "admin_cmd/admin/usage.h"

#include <stdarg.h>
#include <string.h>

#include "admin_cmd/command.h"
#include "common/host/paths.h"

#define FLAG_WIDTH 38

static void
print_line(FILE *stream, const char *flag, const char *note)
{
	if (note[0] == '\0')
		fprintf(stream, "  %s\n", flag);
	else if (strlen(flag) < FLAG_WIDTH)
		fprintf(stream, "  %-*s %s\n", FLAG_WIDTH, flag, note);
	else
		fprintf(stream, "  %s\n  %*s %s\n", flag, FLAG_WIDTH, "", note);
}

static void
print_member(FILE *stream, const struct shape_member *member)
{
	const struct flag_words *words = flag_words(member->name);
	char name[FLAG_NAME_SIZE], text[2 * FLAG_NAME_SIZE];

	flag_name(member->name, name);
	snprintf(text, sizeof(text), "--%s %s", name, words->value);
	print_line(stream, text, words->note);
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
	const struct shape_member *members = operation_members(operation), *member;
	char name[FLAG_NAME_SIZE];

	fprintf(stream, "usage: berth admin %s", operation->name);
	for (member = members; member->name != NULL; member++) {
		flag_name(member->name, name);
		if (member->required && strcmp(member->name, "ServerId") != 0)
			fprintf(stream, " --%s %s", name, flag_words(member->name)->value);
	}
	fprintf(stream, " [FLAG ...]\n\n%s\n\n", operation->summary);
	for (member = members; member->name != NULL; member++)
		print_member(stream, member);
	if (operation_takes_force(operation))
		print_line(stream, "--force", "its users too");
	if (operation->list_member != NULL)
		print_paging(stream);
	print_line(stream, "--cli-input-json JSON", "members that no flag gives");
	print_line(stream, "--generate-cli-skeleton", "print what --cli-input-json takes, and do nothing");
	print_common(stream);
	fputs("\nA value may be file://PATH: what stands in that file.\n" COMMAND_NO_QUERY ".\n", stream);
}

void
usage_admin(FILE *stream)
{
	fputs("usage: berth admin OPERATION [FLAG ...]\n\n", stream);
	for (size_t i = 0; i < operation_table_count; i++)
		fprintf(stream, "  %-23s %s\n", operation_table[i].name, operation_table[i].summary);
	fprintf(stream, "  %-23s %s\n\n", "find-users", "Lists the users who have some tags; Berth's own.");
	print_common(stream);
	fputs("\n`berth admin OPERATION help` lists an operation's flags.\n" COMMAND_NO_QUERY ".\n", stream);
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
