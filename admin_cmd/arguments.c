#include "admin_cmd/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/mappings.h"
#include "admin_cmd/usage.h"
#include "admin_cmd/value.h"

/* getopt_long(3)'s codes: a word that is no flag, the flags that aren't members of a request, and from OPTION_MEMBER on
 * those of the operation, in its table's order. */
enum {
	OPTION_WORD = 1,
	OPTION_CONFIG = 256,
	OPTION_OUTPUT,
	OPTION_HELP,
	OPTION_STARTING_TOKEN,
	OPTION_PAGE_SIZE,
	OPTION_MAX_ITEMS,
	OPTION_NO_PAGINATE,
	OPTION_MEMBER,
};

static const struct option common_options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "output", required_argument, NULL, OPTION_OUTPUT },
	{ "help", no_argument, NULL, OPTION_HELP },
};

static const struct option paging_options[] = {
	{ "starting-token", required_argument, NULL, OPTION_STARTING_TOKEN },
	{ "page-size", required_argument, NULL, OPTION_PAGE_SIZE },
	{ "max-items", required_argument, NULL, OPTION_MAX_ITEMS },
	{ "no-paginate", no_argument, NULL, OPTION_NO_PAGINATE },
};

#define COMMON_OPTIONS (sizeof(common_options) / sizeof(common_options[0]))
#define PAGING_OPTIONS (sizeof(paging_options) / sizeof(paging_options[0]))

/* The words that followed one flag; they stand together in `scan.words`. */
struct given {
	const char **words; /* NULL: the flag wasn't given */
	size_t count;
};

struct scan {
	const struct admin_operation *operation;
	struct command_globals *globals;
	struct arguments *arguments;
	struct option *options;
	struct given *given; /* one a flag of the operation */
	const char **words;
	size_t word_count;
	struct given *open; /* the list that takes the next word */
	char **argv;
};

static bool
is_list(const struct flag *flag)
{
	return flag->shape->kind == VALUE_LIST;
}

static int
scan_prepare(struct scan *scan, int argc)
{
	const struct admin_operation *operation = scan->operation;
	size_t count = 0;

	scan->options = calloc(operation->flag_count + COMMON_OPTIONS + PAGING_OPTIONS + 1, sizeof(*scan->options));
	scan->given = calloc(operation->flag_count + 1, sizeof(*scan->given));
	scan->words = calloc((size_t)argc + 1, sizeof(*scan->words));
	if (scan->options == NULL || scan->given == NULL || scan->words == NULL)
		return -1;
	for (size_t i = 0; i < operation->flag_count; i++) {
		/* A list's words come one by one as OPTION_WORD; only "--flag=word" brings one along. */
		int takes = is_list(&operation->flags[i]) ? optional_argument : required_argument;

		scan->options[count++] = (struct option){ operation->flags[i].name, takes, NULL, OPTION_MEMBER + (int)i };
	}
	for (size_t i = 0; i < COMMON_OPTIONS; i++)
		scan->options[count++] = common_options[i];
	for (size_t i = 0; i < PAGING_OPTIONS && operation->list_member != NULL; i++)
		scan->options[count++] = paging_options[i];
	return 0;
}

static void
scan_free(struct scan *scan)
{
	free(scan->options);
	free(scan->given);
	free(scan->words);
}

static int
take_number(struct scan *scan, const char *name, double *number)
{
	if (value_number(optarg, number) == 0 && *number >= 1)
		return COMMAND_OK;
	return usage_error(scan->operation, "argument --%s: \"%s\" is not a number from 1", name, optarg);
}

static void
add_word(struct scan *scan, struct given *given, const char *word)
{
	scan->words[scan->word_count++] = word;
	given->count++;
}

static int
take_word(struct scan *scan, const char *word)
{
	if (scan->open == NULL)
		return usage_error(scan->operation, "Unknown options: %s", word);
	add_word(scan, scan->open, word);
	return COMMAND_OK;
}

/* A flag of the operation's own. Given twice, the last one counts, as it does for aws. */
static int
take_member(struct scan *scan, size_t index)
{
	const struct flag *flag = &scan->operation->flags[index];
	struct given *given = &scan->given[index];

	/* Else the flag after one without its value would become that value. */
	if (!is_list(flag) && optarg == scan->argv[optind - 1] && strncmp(optarg, "--", 2) == 0)
		return usage_error(scan->operation,
		    "argument --%s: expected one argument (one that begins with --: --%s=VALUE)", flag->name, flag->name);
	given->words = scan->words + scan->word_count;
	given->count = 0;
	scan->open = is_list(flag) && optarg == NULL ? given : NULL;
	if (optarg != NULL)
		add_word(scan, given, optarg);
	return COMMAND_OK;
}

static int
take_option(struct scan *scan, int code)
{
	struct arguments_paging *paging = &scan->arguments->paging;

	switch (code) {
	case OPTION_CONFIG:
		scan->globals->config_file = optarg;
		return COMMAND_OK;
	case OPTION_OUTPUT:
		if (output_format_parse(optarg, &scan->globals->output) == 0)
			return COMMAND_OK;
		return usage_error(scan->operation, "argument --output: \"%s\" is none of json, text, table", optarg);
	case OPTION_HELP:
		scan->arguments->help = true;
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
		return usage_error(scan->operation, "argument %s: expected one argument", scan->argv[optind - 1]);
	default:
		/* A short flag's word may have more to read, so that getopt has not gone past it. */
		return usage_error(scan->operation, "Unknown options: %s", optopt > 0 && optopt < OPTION_CONFIG ?
		    (char[]){ '-', (char)optopt, '\0' } : scan->argv[optind - 1]);
	}
}

static int
scan_flags(struct scan *scan, int argc)
{
	int code, result = COMMAND_OK;

	opterr = 0;
	optind = 0;
	while (result == COMMAND_OK && (code = getopt_long(argc, scan->argv, "-:", scan->options, NULL)) != -1) {
		if (code == OPTION_WORD) {
			result = take_word(scan, optarg);
			continue;
		}
		scan->open = NULL;
		result = code >= OPTION_MEMBER ? take_member(scan, (size_t)(code - OPTION_MEMBER)) : take_option(scan, code);
	}
	if (result == COMMAND_OK && optind < argc)
		return usage_error(scan->operation, "Unknown options: %s", scan->argv[optind]);
	return result;
}

/* One flag's words as the request's member. */
static int
add_member(cJSON *request, const struct flag *flag, const struct given *given, struct api_error *error)
{
	cJSON *value = value_parse(flag, given->words, given->count, error);

	if (value == NULL)
		return -1;
	if (cJSON_AddItemToObject(request, flag->member, value))
		return 0;
	cJSON_Delete(value);
	return api_fail_memory(error);
}

static int
make_request(const struct scan *scan)
{
	cJSON *request = scan->arguments->request = cJSON_CreateObject();
	struct api_error error = { .code = API_OK };
	int result = request == NULL ? api_fail_memory(&error) : 0;

	for (size_t i = 0; i < scan->operation->flag_count && result == 0; i++) {
		if (scan->given[i].words != NULL)
			result = add_member(request, &scan->operation->flags[i], &scan->given[i], &error);
	}
	if (result == 0)
		result = mappings_complete(request, &error);
	if (result == 0)
		return COMMAND_OK;
	fprintf(stderr, "\n%s\n", error.message);
	return error.code == API_VALIDATION ? COMMAND_USAGE : COMMAND_FAILED;
}

int
arguments_read(const struct admin_operation *operation, int argc, char **argv, struct command_globals *globals,
    struct arguments *arguments)
{
	struct scan scan = { .operation = operation, .globals = globals, .arguments = arguments, .argv = argv };
	int result;

	*arguments = (struct arguments){ .operation = operation };
	if (argc == 2 && strcmp(argv[1], "help") == 0) {
		arguments->help = true;
		return COMMAND_OK;
	}
	if (scan_prepare(&scan, argc) == -1) {
		fputs("berth admin: no memory\n", stderr);
		result = COMMAND_FAILED;
		goto out;
	}
	if ((result = scan_flags(&scan, argc)) == COMMAND_OK && !arguments->help)
		result = make_request(&scan);
out:
	scan_free(&scan);
	return result;
}

void
arguments_free(struct arguments *arguments)
{
	cJSON_Delete(arguments->request);
}

int
arguments_missing(const struct arguments *arguments, bool server_id_too)
{
	const struct admin_operation *operation = arguments->operation;
	char missing[512] = "";

	for (size_t i = 0; i < operation->flag_count; i++) {
		const struct flag *flag = &operation->flags[i];

		if (!flag->required || (!server_id_too && strcmp(flag->name, "server-id") == 0) ||
		    cJSON_GetObjectItemCaseSensitive(arguments->request, flag->member) != NULL)
			continue;
		strncat(missing, missing[0] == '\0' ? "--" : ", --", sizeof(missing) - strlen(missing) - 1);
		strncat(missing, flag->name, sizeof(missing) - strlen(missing) - 1);
	}
	if (missing[0] == '\0')
		return COMMAND_OK;
	return usage_error(operation, "the following arguments are required: %s", missing);
}
