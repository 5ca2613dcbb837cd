/* Tags of servers and users. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/arn.h"
#include "common/model/operation.h"
#include "common/model/page.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"

/* The user's name as the store takes it: NULL for the server itself. */
static const char *
user_of(const struct arn *arn)
{
	return arn->user_name[0] == '\0' ? NULL : arn->user_name;
}

struct given_tags {
	struct tag *tags;
	size_t count;
};

/* A store_merge_tags; its context is a struct given_tags. */
static int
merge_given(const void *context, struct tag **tags, size_t *count, struct api_error *error)
{
	const struct given_tags *given = context;

	return rules_merge_tags(tags, count, given->tags, given->count, error);
}

int
operation_tag_resource(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct given_tags given = { NULL, 0 };
	struct arn arn;
	int result = -1;

	(void)response;
	if (arn_parse(context->config, record_json_string(request, "Arn"), &arn, error) == 0 &&
	    record_json_read_tags(request, &given.tags, &given.count, error) == 0 &&
	    rules_check_tags(given.tags, given.count, error) == 0)
		result = store_update_tags(context->store, arn.server_id, user_of(&arn), merge_given, &given, error);
	record_free_tags(given.tags, given.count);
	return result;
}

/* A store_merge_tags; its context is the request. A key that isn't there is no fault. */
static int
remove_keys(const void *request, struct tag **tags, size_t *count, struct api_error *error)
{
	const cJSON *key;

	(void)error;
	cJSON_ArrayForEach(key, record_json_member(request, "TagKeys"))
		rules_remove_tag(*tags, count, key->valuestring);
	return 0;
}

int
operation_untag_resource(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	struct arn arn;

	(void)response;
	if (arn_parse(context->config, record_json_string(request, "Arn"), &arn, error) == -1)
		return -1;
	return store_update_tags(context->store, arn.server_id, user_of(&arn), remove_keys, request, error);
}

static int
compare_keys(const void *left, const void *right)
{
	return strcmp(((const struct tag *)left)->key, ((const struct tag *)right)->key);
}

/* Pages follow the order of the keys. */
static void
add_tags(struct page *page, struct tag *tags, size_t count)
{
	char after[PAGE_KEY_MAX + 1];
	size_t i;

	snprintf(after, sizeof(after), "%s", page->last);
	if (count > 0)
		qsort(tags, count, sizeof(*tags), compare_keys);
	for (i = 0; i < count; i++) {
		if (page->resumed && strcmp(tags[i].key, after) <= 0)
			continue;
		if (page_full(page) || page_add(page, tags[i].key, record_json_tag(&tags[i], page->error)) != 0)
			return;
	}
}

static bool
any_key(const char *key)
{
	(void)key;
	return true;
}

int
operation_list_tags_for_resource(const struct operation_context *context, const cJSON *request, cJSON **response,
    struct api_error *error)
{
	const char *text = record_json_string(request, "Arn");
	char kind[SERVER_ID_LENGTH + USER_NAME_MAX + 8];
	struct tag *tags;
	struct page page;
	struct arn arn;
	size_t count;

	if (arn_parse(context->config, text, &arn, error) == -1)
		return -1;
	snprintf(kind, sizeof(kind), "t %s/%s", arn.server_id, arn.user_name);
	if (page_begin(&page, context, request, kind, any_key, error) == -1)
		return -1;
	if (store_read_tags(context->store, arn.server_id, user_of(&arn), &tags, &count, error) == -1) {
		/* This operation's model knows no ResourceNotFoundException. */
		if (error->code == API_NOT_FOUND)
			api_fail(error, API_INVALID_REQUEST, "Arn: there is no %.300s", text);
		return page_end(&page, -1, NULL, NULL, NULL, response);
	}
	add_tags(&page, tags, count);
	record_free_tags(tags, count);
	return page_end(&page, 0, "Arn", text, "Tags", response);
}
