/*
 * berth admin find-users: the users who have all of some tags, printed as list-users prints them. Berth's own: the API has
 * no such operation. One query finds them, so that the answer is the store as it was at one moment.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/admin/value.h"
#include "admin_cmd/flags.h"
#include "admin_cmd/local_store.h"
#include "admin_cmd/output_list.h"
#include "common/host/paths.h"
#include "common/model/record_json.h"

#define FIND_USERS "berth admin find-users"
#define LIST_NAME "Users"
#define PAGE_USERS 1000 /* printed at once, as list-users does */

static const char usage[] =
    "usage: " FIND_USERS " --tag KEY[=VALUE] ... [FLAG ...]\n"
    "\n"
    "Lists the users who have all of these tags, in the order of their names.\n"
    "\n"
    "  --tag KEY=VALUE                        this tag; may be given several times\n"
    "  --tag KEY                              this key, with any value\n"
    "  --server-id ID                         default: the configuration's ServerId\n"
    "  --max-items N                          stop after N, and print a NextToken to go on from\n"
    "  --starting-token TOKEN                 go on from there\n"
    "  --config FILE                          default: " BERTH_CONFIG_FILE "\n"
    "  --output json|text|table               default: json\n";

enum { FLAG_TAG = FLAG_OWN, FLAG_SERVER_ID, FLAG_MAX_ITEMS, FLAG_STARTING_TOKEN };

static const struct option options[] = {
	{ "tag", required_argument, NULL, FLAG_TAG },
	{ "server-id", required_argument, NULL, FLAG_SERVER_ID },
	{ "max-items", required_argument, NULL, FLAG_MAX_ITEMS },
	{ "starting-token", required_argument, NULL, FLAG_STARTING_TOKEN },
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

struct search {
	const char *server_id, *after; /* NULL: not given */
	struct tag *tags;              /* the words of the command line, which they divide */
	size_t tag_count;
	double max_items; /* 0: all */

	const struct config *config;
	struct output_list list;
	cJSON *page; /* found, and not printed yet */
	size_t found;
	bool more;
	char last[USER_NAME_MAX + 1];
	int result;
	struct api_error error;
};

/* KEY=VALUE, or KEY alone; the first "=" divides them. */
static int
take_tag(const struct flags *flags, struct search *search, char *word)
{
	struct tag *tag = &search->tags[search->tag_count++];

	tag->key = word;
	if ((tag->value = strchr(word, '=')) != NULL)
		*tag->value++ = '\0';
	return word[0] != '\0' ? COMMAND_OK : flags_wrong(flags, "argument --tag: expected KEY=VALUE or KEY", "");
}

static int
take_flag(const struct flags *flags, void *context, int code)
{
	struct search *search = context;

	switch (code) {
	case FLAG_TAG:
		return take_tag(flags, search, optarg);
	case FLAG_SERVER_ID:
		search->server_id = optarg;
		break;
	case FLAG_MAX_ITEMS:
		if (value_number(optarg, &search->max_items) == -1 || search->max_items < 1)
			return flags_wrong(flags, "argument --max-items: not a number from 1: ", optarg);
		break;
	case FLAG_STARTING_TOKEN:
		search->after = optarg;
		break;
	}
	return COMMAND_OK;
}

static const struct flags command_line = { FIND_USERS, usage, "Unknown options: ", options, take_flag };

static int
read_flags(struct search *search, int argc, char **argv, struct command_globals *globals)
{
	int result = flags_read(&command_line, argc, argv, globals, search);

	if (result != COMMAND_OK || globals->help)
		return result;
	if (optind < argc)
		return flags_wrong(&command_line, command_line.unknown, argv[optind]);
	if (search->tag_count == 0)
		return flags_wrong(&command_line, "the following arguments are required: ", "--tag");
	return COMMAND_OK;
}

/* Prints what has been found since the last page. */
static int
print_page(struct search *search)
{
	cJSON *page = cJSON_CreateObject();

	if (search->page == NULL)
		search->page = cJSON_CreateArray();
	if (cJSON_AddStringToObject(page, "ServerId", search->server_id) == NULL ||
	    !cJSON_AddItemToObject(page, LIST_NAME, search->page)) {
		cJSON_Delete(page);
		return api_fail_memory(&search->error);
	}
	search->page = NULL;
	if (output_list_page(&search->list, page) == -1)
		search->result = COMMAND_FAILED;
	return search->result == COMMAND_OK ? 0 : -1;
}

static int
visit(void *context, const struct listed_user *user)
{
	struct search *search = context;
	cJSON *item;

	search->more = search->max_items > 0 && (double)search->found >= search->max_items;
	if (search->more)
		return 1;
	item = record_json_listed_user(search->server_id, user, search->config, &search->error);
	if (item == NULL)
		return 1;
	if (search->page == NULL)
		search->page = cJSON_CreateArray();
	if (!cJSON_AddItemToArray(search->page, item)) {
		cJSON_Delete(item);
		api_fail_memory(&search->error);
		return 1;
	}
	snprintf(search->last, sizeof(search->last), "%s", user->user_name);
	if (++search->found % PAGE_USERS != 0)
		return 0;
	return print_page(search) == -1;
}

static int
find(struct search *search, struct store *store)
{
	struct api_error *error = &search->error;
	int walked;

	walked = store_find_users(store, search->server_id, search->tags, search->tag_count, search->after, SIZE_MAX, visit,
	    search, error);
	if (walked == 0 && error->code == API_OK && search->result == COMMAND_OK &&
	    (search->page != NULL || search->list.rest == NULL))
		print_page(search);
	if (error->code != API_OK)
		return admin_refused(search->list.title, error);
	if (search->result == COMMAND_OK && output_list_end(&search->list, search->more ? search->last : NULL) == -1)
		return COMMAND_FAILED;
	return search->result;
}

static int
run(struct search *search, const struct command_globals *globals)
{
	struct config config = { .store = NULL };
	struct store *store = NULL;
	int result = COMMAND_FAILED;

	if (local_store_config(FIND_USERS, globals->config_file, &config) == -1)
		goto out;
	if (search->server_id == NULL && (search->server_id = config.server_id) == NULL) {
		result = flags_wrong(&command_line, "the following arguments are required: ", "--server-id");
		goto out;
	}
	search->config = &config;
	search->list = (struct output_list){ .format = globals->output, .title = "FindUsers", .member = LIST_NAME };
	if (local_store_open(FIND_USERS, &config, STORE_WRITE, &store) == -1)
		goto out;
	result = find(search, store);
out:
	cJSON_Delete(search->page);
	output_list_free(&search->list);
	store_close(store);
	config_free(&config);
	return result;
}

int
find_users_command(int argc, char **argv, struct command_globals *globals)
{
	struct search search = { .max_items = 0 };
	int result = COMMAND_FAILED;

	if ((search.tags = calloc((size_t)argc, sizeof(*search.tags))) == NULL)
		fputs(FIND_USERS ": no memory\n", stderr);
	else if ((result = read_flags(&search, argc, argv, globals)) == COMMAND_OK)
		result = globals->help ? command_print(usage) : run(&search, globals);
	free(search.tags);
	return result;
}
