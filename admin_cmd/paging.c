#include "admin_cmd/paging.h"

#include <stddef.h>

/* The most that a request may ask for: the API's own limit for MaxResults. */
#define PAGE_MAX 1000

static int
set_member(cJSON *request, const char *name, cJSON *value, struct api_error *error)
{
	cJSON_DeleteItemFromObjectCaseSensitive(request, name);
	if (value != NULL && cJSON_AddItemToObject(request, name, value))
		return 0;
	cJSON_Delete(value);
	return api_fail_memory(error);
}

/* Puts the earlier pages' items before this page's own. */
static int
join(cJSON *earlier, cJSON *page, const char *member, struct api_error *error)
{
	cJSON *items = cJSON_DetachItemFromObjectCaseSensitive(earlier, member);
	cJSON *later = cJSON_GetObjectItemCaseSensitive(page, member);
	cJSON *item;
	int result = 0;

	while (result == 0 && items != NULL && later != NULL && later->child != NULL) {
		item = cJSON_DetachItemViaPointer(later, later->child);
		if (!cJSON_AddItemToArray(items, item)) {
			cJSON_Delete(item);
			result = api_fail_memory(error);
		}
	}
	if (items != NULL && (later == NULL || !cJSON_ReplaceItemInObjectCaseSensitive(page, member, items))) {
		cJSON_Delete(items);
		result = api_fail_memory(error);
	}
	return result;
}

/* How many the next page may hold; 0: as many as the operation likes. */
static double
page_limit(const struct arguments_paging *paging, double have)
{
	double limit = paging->page_size;

	if (paging->max_items > 0 && (limit <= 0 || paging->max_items - have < limit))
		limit = paging->max_items - have < PAGE_MAX ? paging->max_items - have : PAGE_MAX;
	return limit;
}

static int
ask_page(const struct operation_context *context, const struct arguments *arguments, double have, const char *token,
    cJSON **page, struct api_error *error)
{
	double limit = page_limit(&arguments->paging, have);

	if (limit > 0 && set_member(arguments->request, "MaxResults", cJSON_CreateNumber(limit), error) == -1)
		return -1;
	if (token != NULL && set_member(arguments->request, "NextToken", cJSON_CreateString(token), error) == -1)
		return -1;
	return operation_call(context, arguments->operation->api_name, arguments->request, page, error);
}

/* Whether the user asked for one page, in the API's own terms or in ours. */
static int
is_single(const struct arguments *arguments)
{
	return arguments->paging.single || cJSON_GetObjectItemCaseSensitive(arguments->request, "MaxResults") != NULL ||
	    cJSON_GetObjectItemCaseSensitive(arguments->request, "NextToken") != NULL;
}

int
paging_call(const struct operation_context *context, const struct arguments *arguments, cJSON **response,
    struct api_error *error)
{
	const char *member = arguments->operation->list_member, *token = arguments->paging.starting_token;
	int single = is_single(arguments), result;
	cJSON *earlier = NULL, *page = NULL;
	double have = 0;

	*response = NULL;
	do {
		page = NULL;
		if ((result = ask_page(context, arguments, have, token, &page, error)) == -1)
			break;
		have += cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(page, member));
		if (earlier != NULL && (result = join(earlier, page, member, error)) == -1)
			break;
		cJSON_Delete(earlier);
		earlier = page;
		token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "NextToken"));
	} while (!single && token != NULL && (arguments->paging.max_items <= 0 || have < arguments->paging.max_items));
	if (result == 0) {
		*response = page;
		return 0;
	}
	if (page != earlier)
		cJSON_Delete(page);
	cJSON_Delete(earlier);
	return -1;
}
