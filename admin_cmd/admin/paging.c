#include "admin_cmd/admin/paging.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

/* How many the next page may hold; 0: as many as the operation likes. A page never holds more than are wanted, so that what
 * comes after --max-items begins with a page, wherever others come and go meanwhile. */
static double
page_limit(const struct arguments_paging *wanted, double have)
{
	double limit = wanted->page_size;

	if (wanted->max_items > 0 && (limit <= 0 || wanted->max_items - have < limit))
		limit = wanted->max_items - have < PAGE_MAX ? wanted->max_items - have : PAGE_MAX;
	return limit;
}

static int
keep_token(struct paging *paging, const cJSON *page, struct api_error *error)
{
	const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "NextToken"));

	if (token != NULL && paging->token != NULL && strcmp(token, paging->token) == 0)
		return api_fail(error, API_UNAVAILABLE, "The answer has the same NextToken as the one before");
	free(paging->token);
	paging->token = NULL;
	if (token == NULL || (paging->token = strdup(token)) != NULL)
		return 0;
	return api_fail_memory(error);
}

int
paging_next(struct paging *paging, cJSON **page, struct api_error *error)
{
	const struct admin_operation *operation = paging->arguments->operation;
	const struct arguments_paging *wanted = &paging->arguments->paging;
	const char *token = paging->begun ? paging->token : wanted->starting_token;
	double limit = page_limit(wanted, paging->have);
	cJSON *request = paging->arguments->request;

	if (paging->begun && (token == NULL || (wanted->max_items > 0 && paging->have >= wanted->max_items)))
		return 0;
	paging->begun = true;
	if (limit > 0 && set_member(request, "MaxResults", cJSON_CreateNumber(limit), error) == -1)
		return -1;
	if (token != NULL && set_member(request, "NextToken", cJSON_CreateString(token), error) == -1)
		return -1;
	if (operation_call(paging->context, operation->api_name, request, page, error) == -1)
		return -1;
	/* A store kept elsewhere may answer anything. */
	if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(*page, operation->list_member))) {
		cJSON_Delete(*page);
		return api_fail(error, API_UNAVAILABLE, "The answer has no list of %s", operation->list_member);
	}
	paging->have += cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(*page, operation->list_member));
	if (keep_token(paging, *page, error) == 0)
		return 1;
	cJSON_Delete(*page);
	return -1;
}

void
paging_free(struct paging *paging)
{
	free(paging->token);
}
