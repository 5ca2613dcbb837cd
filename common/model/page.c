#include "common/model/page.h"

#include <stdio.h>
#include <string.h>

#include "common/model/operation.h"
#include "common/model/record_json.h"

#define PAGE_MAX  1000 /* MaxResults' own bound, and what is listed without it */
#define PLAIN_MAX (sizeof(((struct page *)NULL)->kind) + PAGE_KEY_MAX + 1)

/* "KIND KEY" in hexadecimal, so that nobody takes it for a name or a number to count with. */
static int
make_token(cJSON *response, const char *kind, const char *after)
{
	char plain[PLAIN_MAX], token[2 * PLAIN_MAX + 1];
	size_t i;

	snprintf(plain, sizeof(plain), "%s %s", kind, after);
	for (i = 0; plain[i] != '\0'; i++)
		snprintf(token + 2 * i, 3, "%02x", (unsigned char)plain[i]);
	return cJSON_AddStringToObject(response, "NextToken", token) == NULL ? -1 : 0;
}

/* The token's bytes back, closed by NUL. Returns 0, or -1 when it is none of ours. */
static int
decode_token(const char *token, char *plain, size_t size)
{
	size_t i, length = strlen(token) / 2;
	unsigned byte;

	if (strlen(token) % 2 != 0 || length >= size || strspn(token, "0123456789abcdef") != strlen(token))
		return -1;
	for (i = 0; i < length; i++) {
		if (sscanf(token + 2 * i, "%2x", &byte) != 1 || byte == 0)
			return -1;
		plain[i] = (char)byte;
	}
	plain[length] = '\0';
	return 0;
}

static int
read_token(struct page *page, const char *token, bool (*valid)(const char *))
{
	size_t kind_length = strlen(page->kind);
	char plain[PLAIN_MAX];

	if (decode_token(token, plain, sizeof(plain)) == -1 || strncmp(plain, page->kind, kind_length) != 0 ||
	    plain[kind_length] != ' ' || strlen(plain + kind_length + 1) > PAGE_KEY_MAX || !valid(plain + kind_length + 1))
		return api_fail(page->error, API_INVALID_TOKEN, "NextToken: not one that this list has given out");
	snprintf(page->last, sizeof(page->last), "%s", plain + kind_length + 1);
	page->resumed = true;
	return 0;
}

int
page_begin(struct page *page, const struct operation_context *context, const cJSON *request, const char *kind,
    bool (*valid)(const char *), struct api_error *error)
{
	const char *token = record_json_string(request, "NextToken");
	const cJSON *most = record_json_member(request, "MaxResults");

	memset(page, 0, sizeof(*page));
	page->context = context;
	page->error = error;
	page->room = most == NULL ? PAGE_MAX : (size_t)most->valueint;
	snprintf(page->kind, sizeof(page->kind), "%s", kind);
	if (token != NULL && read_token(page, token, valid) == -1)
		return -1;
	page->list = cJSON_CreateArray();
	return page->list == NULL ? api_fail_memory(error) : 0;
}

bool
page_full(struct page *page)
{
	page->more = page->room == 0;
	return page->more;
}

int
page_add(struct page *page, const char *key, cJSON *item)
{
	page->failed = item == NULL;
	if (page->failed)
		return 1;
	if (!cJSON_AddItemToArray(page->list, item)) {
		cJSON_Delete(item);
		page->failed = true;
		api_fail_memory(page->error);
		return 1;
	}
	snprintf(page->last, sizeof(page->last), "%s", key);
	page->room--;
	return 0;
}

int
page_end(struct page *page, int walked, const char *owner_name, const char *owner, const char *list_name, cJSON **response)
{
	cJSON *list = page->list;

	if (walked == -1 || page->failed) {
		cJSON_Delete(list);
		return -1;
	}
	*response = cJSON_CreateObject();
	if (*response == NULL || (page->more && make_token(*response, page->kind, page->last) == -1) ||
	    (owner_name != NULL && cJSON_AddStringToObject(*response, owner_name, owner) == NULL)) {
		cJSON_Delete(list);
		return api_fail_memory(page->error);
	}
	return operation_respond_with(*response, list_name, list, page->error);
}
