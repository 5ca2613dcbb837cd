#include "admin_cmd/admin/scan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/admin/usage.h"
#include "admin_cmd/admin/value.h"
#include "admin_cmd/flags.h"

/* getopt_long(3)'s codes: a word that is no flag, the flags that aren't members of a request, and from OPTION_MEMBER on
 * those of the operation, in its shape's order. */
enum {
	OPTION_WORD = 1,
	OPTION_CLI_INPUT = FLAG_OWN,
	OPTION_SKELETON,
	OPTION_STARTING_TOKEN,
	OPTION_PAGE_SIZE,
	OPTION_MAX_ITEMS,
	OPTION_NO_PAGINATE,
	OPTION_FORCE,
	OPTION_MEMBER,
};

static const struct option common_options[] = {
	FLAGS_OF_ALL,
	{ "cli-input-json", required_argument, NULL, OPTION_CLI_INPUT },
	{ "generate-cli-skeleton", optional_argument, NULL, OPTION_SKELETON },
};

static const struct option paging_options[] = {
	{ "starting-token", required_argument, NULL, OPTION_STARTING_TOKEN },
	{ "page-size", required_argument, NULL, OPTION_PAGE_SIZE },
	{ "max-items", required_argument, NULL, OPTION_MAX_ITEMS },
	{ "no-paginate", no_argument, NULL, OPTION_NO_PAGINATE },
};

static const struct option force_option = { "force", no_argument, NULL, OPTION_FORCE };

#define COMMON_OPTIONS (sizeof(common_options) / sizeof(common_options[0]))
#define PAGING_OPTIONS (sizeof(paging_options) / sizeof(paging_options[0]))

static bool
is_list(const struct shape_member *member)
{
	return member->shape->kind == SHAPE_LIST;
}

static void
add_options(struct scan *scan, size_t *count, const struct option *options, size_t option_count)
{
	for (size_t i = 0; i < option_count; i++)
		scan->options[(*count)++] = options[i];
}

static int
scan_prepare(struct scan *scan, int argc)
{
	const struct shape_member *members = operation_members(scan->arguments->operation);
	size_t member_count = 0, count = 0;

	while (members[member_count].name != NULL)
		member_count++;
	scan->members = members;
	scan->options = calloc(member_count + COMMON_OPTIONS + PAGING_OPTIONS + 2, sizeof(*scan->options));
	scan->names = calloc(member_count + 1, sizeof(*scan->names));
	scan->given = calloc(member_count + 1, sizeof(*scan->given));
	scan->words = calloc((size_t)argc + 1, sizeof(*scan->words));
	if (scan->options == NULL || scan->names == NULL || scan->given == NULL || scan->words == NULL)
		return -1;
	for (; count < member_count; count++) {
		/* A list's words come one by one as OPTION_WORD; only "--flag=word" brings one along. */
		int takes = is_list(&members[count]) ? optional_argument : required_argument;

		flag_name(members[count].name, scan->names[count]);
		scan->options[count] = (struct option){ scan->names[count], takes, NULL, OPTION_MEMBER + (int)count };
	}
	add_options(scan, &count, common_options, COMMON_OPTIONS);
	if (scan->arguments->operation->list_member != NULL)
		add_options(scan, &count, paging_options, PAGING_OPTIONS);
	if (operation_takes_force(scan->arguments->operation))
		add_options(scan, &count, &force_option, 1);
	return 0;
}

static int
take_number(struct scan *scan, const char *name, double *number)
{
	if (value_number(optarg, number) == 0 && *number >= 1)
		return COMMAND_OK;
	return usage_error(scan->arguments->operation, "argument --%s: \"%s\" is not a number from 1", name, optarg);
}

static int
take_word(struct scan *scan, const char *word)
{
	if (scan->open == NULL || scan->open->count == scan->open->most)
		return usage_error(scan->arguments->operation, "Unknown options: %s", word);
	scan->words[scan->word_count++] = word;
	scan->open->count++;
	return COMMAND_OK;
}

/* The words of a flag begin here: with the one that "--flag=word" or "--flag word" brought along, or with the next ones. */
static int
take_words(struct scan *scan, struct given *given, size_t most)
{
	given->words = scan->words + scan->word_count;
	given->count = 0;
	given->most = optarg == NULL ? most : 1;
	scan->open = given;
	return optarg == NULL ? COMMAND_OK : take_word(scan, optarg);
}

/* A flag of the operation's own. Given twice, the last one counts, as it does for aws. */
static int
take_member(struct scan *scan, size_t index)
{
	const char *name = scan->names[index];

	/* Else the flag after one without its value would become that value. */
	if (!is_list(&scan->members[index]) && optarg == scan->argv[optind - 1] && strncmp(optarg, "--", 2) == 0)
		return usage_error(scan->arguments->operation,
		    "argument --%s: expected one argument (one that begins with --: --%s=VALUE)", name, name);
	return take_words(scan, &scan->given[index], SIZE_MAX);
}

static int
take_option(struct scan *scan, int code)
{
	const struct admin_operation *operation = scan->arguments->operation;
	struct arguments *arguments = scan->arguments;
	struct arguments_paging *paging = &arguments->paging;
	char letter[3];

	switch (code) {
	case FLAG_CONFIG:
		scan->globals->config_file = optarg;
		return COMMAND_OK;
	case FLAG_OUTPUT:
		if (output_format_parse(optarg, &scan->globals->output) == 0)
			return COMMAND_OK;
		return usage_error(operation, "argument --output: \"%s\" is none of json, text, table", optarg);
	case FLAG_QUERY:
		return usage_error(operation, "%s", COMMAND_NO_QUERY);
	case FLAG_HELP:
		scan->globals->help = true;
		return COMMAND_OK;
	case OPTION_CLI_INPUT:
		return take_words(scan, &scan->cli_input, 1);
	case OPTION_SKELETON:
		arguments->skeleton = true;
		return take_words(scan, &scan->skeleton, 1);
	case OPTION_FORCE:
		arguments->force = true;
		return COMMAND_OK;
	case OPTION_STARTING_TOKEN:
		paging->starting_token = optarg;
		return COMMAND_OK;
	case OPTION_PAGE_SIZE:
		return take_number(scan, "page-size", &paging->page_size);
	case OPTION_MAX_ITEMS:
		return take_number(scan, "max-items", &paging->max_items);
	case OPTION_NO_PAGINATE:
		paging->single = true;
		return COMMAND_OK;
	case ':':
		return usage_error(operation, "argument %s: expected one argument", scan->argv[optind - 1]);
	default:
		return usage_error(operation, "Unknown options: %s", flags_unknown(scan->argv, letter));
	}
}

int
scan_run(struct scan *scan, int argc, char **argv)
{
	int code, result = COMMAND_OK;

	scan->argv = argv;
	if (scan_prepare(scan, argc) == -1) {
		fputs("berth admin: no memory\n", stderr);
		return COMMAND_FAILED;
	}
	opterr = 0;
	optind = 0;
	while (result == COMMAND_OK && (code = getopt_long(argc, argv, "-:", scan->options, NULL)) != -1) {
		if (code == OPTION_WORD) {
			result = take_word(scan, optarg);
			continue;
		}
		scan->open = NULL;
		result = code >= OPTION_MEMBER ? take_member(scan, (size_t)(code - OPTION_MEMBER)) : take_option(scan, code);
	}
	if (result == COMMAND_OK && optind < argc)
		return usage_error(scan->arguments->operation, "Unknown options: %s", argv[optind]);
	return result;
}

void
scan_free(struct scan *scan)
{
	free(scan->options);
	free(scan->names);
	free(scan->given);
	free(scan->words);
}
