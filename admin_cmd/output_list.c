#include "admin_cmd/output_list.h"

#include <errno.h>
#include <string.h>

/* The rest, printed after the list: {"Users": […], "ServerId": …, "NextToken": …}. */
static int
json_end(struct output_list *list)
{
	fputs(list->has_items ? "\n    ]" : "]", stdout);
	for (const cJSON *member = list->rest->child; member != NULL; member = member->next) {
		fputc(',', stdout);
		if (output_json_member(stdout, member) == -1)
			return -1;
	}
	fputs("\n}\n", stdout);
	return 0;
}

static int
json_page(struct output_list *list, bool first, const cJSON *items)
{
	if (first)
		printf("{\n    \"%s\": [", list->member);
	for (const cJSON *item = items->child; item != NULL; item = item->next) {
		if (list->has_items)
			fputc(',', stdout);
		list->has_items = true;
		if (output_json_listed(stdout, item) == -1)
			return -1;
	}
	return 0;
}

/* Each page has columns of its own. What stands beside the list comes with the first one. */
static int
text_page(const struct output_list *list, bool first, cJSON *items)
{
	cJSON *page = cJSON_CreateObject();
	int result = -1;

	if (cJSON_AddItemReferenceToObject(page, list->member, items) && (!first || output_text(stdout, list->rest) == 0))
		result = output_text(stdout, page);
	cJSON_Delete(page);
	return result;
}

static int
table_page(struct output_list *list, bool first, cJSON *items)
{
	cJSON *all = cJSON_GetObjectItemCaseSensitive(list->rest, list->member), *item;

	if (first)
		all = cJSON_AddArrayToObject(list->rest, list->member);
	while ((item = cJSON_DetachItemViaPointer(items, items->child)) != NULL) {
		if (cJSON_AddItemToArray(all, item))
			continue;
		cJSON_Delete(item);
		return -1;
	}
	return all == NULL ? -1 : 0;
}

static int
fail_memory(void)
{
	fprintf(stderr, "berth: the output can't be written: %s\n", strerror(ENOMEM));
	return -1;
}

int
output_list_page(struct output_list *list, cJSON *page)
{
	cJSON *items = cJSON_DetachItemFromObjectCaseSensitive(page, list->member);
	bool first = list->rest == NULL;
	int result;

	cJSON_DeleteItemFromObjectCaseSensitive(page, "NextToken");
	if (first)
		list->rest = page;
	else
		cJSON_Delete(page);
	if (list->format == OUTPUT_TEXT)
		result = text_page(list, first, items);
	else if (list->format == OUTPUT_TABLE)
		result = table_page(list, first, items);
	else
		result = json_page(list, first, items);
	cJSON_Delete(items);
	return result == 0 ? output_flush() : fail_memory();
}

int
output_list_end(struct output_list *list, const char *next_token)
{
	int result = 0;

	if (next_token != NULL && cJSON_AddStringToObject(list->rest, "NextToken", next_token) == NULL)
		return fail_memory();
	if (list->format == OUTPUT_TEXT && next_token != NULL)
		printf("NEXTTOKEN\t%s\n", next_token);
	else if (list->format == OUTPUT_TABLE)
		result = output_table(stdout, list->title, list->rest);
	else if (list->format != OUTPUT_TEXT)
		result = json_end(list);
	return result == 0 ? output_flush() : fail_memory();
}

void
output_list_free(struct output_list *list)
{
	cJSON_Delete(list->rest);
}
