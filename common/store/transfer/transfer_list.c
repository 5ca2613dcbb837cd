/*
 * Lists of a Transfer API, page by page: what comes is in any order, of any length, and may go on for ever.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/text.h"
#include "common/store/transfer/transfer_call.h"

#define PAGES_MAX  20000 /* with 1,000 items each */
#define PAGE_ITEMS 1000
#define TOKEN_MAX  6144  /* the API's own bound */

/* A walk through a list, page by page. */
struct walk {
	struct transfer_store *store;
	const char *operation, *server_id, *member; /* server_id: NULL for ListServers */
	char *token; /* of the next page */
	/* take: an item; not 0 stops the walk: -1 with *error. */
	int (*take)(struct walk *walk, const cJSON *item, struct api_error *error);

	/* The caller's. */
	const char *after; /* NULL: from the start */
	size_t left;
	char last[USER_NAME_MAX + 1]; /* the name or id before */
	void *visit_context;
	store_visit_user *visit_user;
	store_visit_server *visit_server;
	store_visit_record *visit_record;
	const struct tag *tags;
	size_t tag_count;
};

static int
bad_list(const struct walk *walk, const char *problem, struct api_error *error)
{
	return api_fail(error, API_UNAVAILABLE, "%.300s answered %s with %s", walk->store->remote->url, walk->operation,
	    problem);
}

static int
next_token(struct walk *walk, const cJSON *page, struct api_error *error)
{
	const cJSON *member = record_json_member(page, "NextToken");
	const char *token = cJSON_GetStringValue(member);
	char *copy;

	if (member != NULL && (token == NULL || token[0] == '\0' || strlen(token) > TOKEN_MAX))
		return bad_list(walk, "a NextToken that is none", error);
	if (token != NULL && walk->token != NULL && strcmp(token, walk->token) == 0)
		return bad_list(walk, "the same NextToken twice", error);
	copy = token == NULL ? NULL : strdup(token);
	free(walk->token);
	walk->token = copy;
	return token != NULL && copy == NULL ? api_fail_memory(error) : 0;
}

static cJSON *
page_request(const struct walk *walk)
{
	size_t items = walk->left < PAGE_ITEMS && walk->after == NULL ? walk->left : PAGE_ITEMS;
	cJSON *request = transfer_request(walk->server_id, NULL);

	if (request != NULL && record_json_add_number(request, "MaxResults", (double)items) &&
	    record_json_add_string(request, "NextToken", walk->token))
		return request;
	cJSON_Delete(request);
	return NULL;
}

/* Returns 0 to go on, 1 when a visitor or the limit ended the walk, or -1. */
static int
take_page(struct walk *walk, const cJSON *page, struct api_error *error)
{
	const cJSON *list = record_json_member(page, walk->member), *item;
	int result;

	if (!cJSON_IsArray(list))
		return bad_list(walk, "something that is no list", error);
	cJSON_ArrayForEach(item, list)
		if ((result = walk->take(walk, item, error)) != 0)
			return result;
	return next_token(walk, page, error);
}

static int
walk_pages(struct walk *walk, struct api_error *error)
{
	cJSON *page = NULL;
	int result = 0;

	if (walk->left == 0)
		return 0;
	for (size_t pages = 0; result == 0 && (pages == 0 || walk->token != NULL); pages++) {
		if (pages == PAGES_MAX) {
			result = bad_list(walk, "pages without an end", error);
			break;
		}
		if ((result = transfer_ask(walk->store, walk->operation, page_request(walk), &page, error)) == -1)
			break;
		result = take_page(walk, page, error);
		cJSON_Delete(page);
	}
	free(walk->token);
	return result == -1 ? -1 : 0;
}

/*
 * Whether an item is to be passed over, since it doesn't come after `after`; -1 where that can't be told: the other side's
 * order isn't promised to be that of the names.
 */
static int
passed_over(struct walk *walk, const char *name, struct api_error *error)
{
	if (walk->after == NULL)
		return 0;
	if (strcmp(name, walk->last) < 0)
		return bad_list(walk, "a list that isn't in the order of its names, which can't be gone on with in the "
		    "middle", error);
	snprintf(walk->last, sizeof(walk->last), "%s", name);
	return strcmp(name, walk->after) <= 0;
}

static int
take_server(struct walk *walk, const cJSON *item, struct api_error *error)
{
	struct server_record server;
	int result;

	if (transfer_read_server(NULL, item, &server, error) == -1)
		return -1;
	result = passed_over(walk, server.server_id, error);
	if (result == 0)
		result = walk->visit_server(walk->visit_context, &server) != 0 || --walk->left == 0;
	else if (result == 1)
		result = 0;
	record_free_server(&server);
	return result;
}

int
transfer_list_servers(struct store *store, const char *after, size_t limit, store_visit_server *visit, void *context,
    struct api_error *error)
{
	struct walk walk = { .store = transfer_of(store), .operation = "ListServers", .member = "Servers",
		.take = take_server, .after = after, .left = limit, .visit_context = context, .visit_server = visit };

	return walk_pages(&walk, error);
}

/* The item's UserName when it is one, or NULL after telling of it. */
static const char *
listed_name(const struct walk *walk, const cJSON *item)
{
	const char *name = record_json_string(item, "UserName");
	const struct transfer_losses losses = transfer_losses_of(walk->store);
	char shown[USER_NAME_MAX + 1];

	if (name != NULL && pattern_user_name(name))
		return name;
	if (losses.told == NULL)
		return NULL;
	snprintf(shown, sizeof(shown), "%s", name == NULL ? "" : name);
	text_make_safe(shown);
	losses.told(losses.context, shown, "UserName", "is none that a user can have");
	return NULL;
}

static const char *
listed_text(const cJSON *item, const char *name)
{
	const char *text = record_json_string(item, name);

	return text != NULL && strlen(text) <= PATH_BYTES_MAX && !text_has_control(text) ? text : NULL;
}

static enum home_type
listed_type(const cJSON *item)
{
	const char *text = record_json_string(item, "HomeDirectoryType");

	if (text == NULL)
		return HOME_NOT_GIVEN;
	return strcmp(text, "LOGICAL") == 0 ? HOME_LOGICAL : strcmp(text, "PATH") == 0 ? HOME_PATH : HOME_NOT_GIVEN;
}

static int
take_user(struct walk *walk, const cJSON *item, struct api_error *error)
{
	struct listed_user user = { .user_name = listed_name(walk, item) };
	double count;
	int result;

	if (user.user_name == NULL)
		return 0;
	if ((result = passed_over(walk, user.user_name, error)) != 0)
		return result == 1 ? 0 : -1;
	user.role = listed_text(item, "Role");
	user.home_directory = listed_text(item, "HomeDirectory");
	user.home_type = listed_type(item);
	if (transfer_read_whole(record_json_member(item, "SshPublicKeyCount"), INT32_MAX, &count))
		user.key_count = (size_t)count;
	return walk->visit_user(walk->visit_context, &user) != 0 || --walk->left == 0;
}

static struct walk
users_walk(struct store *store, const char *server_id, const char *after, size_t limit)
{
	return (struct walk){ .store = transfer_of(store), .operation = "ListUsers", .member = "Users",
		.server_id = server_id, .after = after, .left = limit };
}

int
transfer_list_users(struct store *store, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	struct walk walk = users_walk(store, server_id, after, limit);

	walk.take = take_user;
	walk.visit_user = visit;
	walk.visit_context = context;
	return walk_pages(&walk, error);
}

/* Of a user who was listed: gone meanwhile, he is passed over. */
static bool
is_gone(const struct api_error *error)
{
	return error->code == API_NOT_FOUND && strcmp(error->resource_type, "Server") != 0;
}

static bool
has_tags(const struct user_record *user, const struct tag *tags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < user->tag_count && (strcmp(user->tags[j].key, tags[i].key) != 0 ||
		    (tags[i].value != NULL && strcmp(user->tags[j].value, tags[i].value) != 0)))
			j++;
		if (j == user->tag_count)
			return false;
	}
	return true;
}

static int
take_tagged(struct walk *walk, const cJSON *item, struct api_error *error)
{
	const char *name = listed_name(walk, item);
	struct listed_user listed;
	struct user_record user;
	int result = 0;

	if (name == NULL || (result = passed_over(walk, name, error)) != 0)
		return result == -1 ? -1 : 0;
	if (transfer_describe(walk->store, walk->server_id, name, NULL, &user, error) == -1)
		return is_gone(error) || error->code == API_INTERNAL ? 0 : -1;
	if (has_tags(&user, walk->tags, walk->tag_count)) {
		listed = (struct listed_user){ user.user_name, user.role, user.home_directory, user.home_type,
			user.key_count };
		result = walk->visit_user(walk->visit_context, &listed) != 0 || --walk->left == 0;
	}
	record_free_user(&user);
	return result;
}

/* The API has no such question: everybody is asked for. */
int
transfer_find_users(struct store *store, const char *server_id, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit, store_visit_user *visit, void *context, struct api_error *error)
{
	struct walk walk = users_walk(store, server_id, after, limit);

	walk.take = take_tagged;
	walk.visit_user = visit;
	walk.visit_context = context;
	walk.tags = tags;
	walk.tag_count = tag_count;
	return walk_pages(&walk, error);
}

static int
take_record(struct walk *walk, const cJSON *item, struct api_error *error)
{
	const struct transfer_losses losses = transfer_losses_of(walk->store);
	const char *name = listed_name(walk, item);
	struct user_record user;
	int result;

	if (name == NULL)
		return 0;
	if (transfer_describe(walk->store, walk->server_id, name, &losses, &user, error) == -1) {
		if (is_gone(error))
			return 0;
		return error->code == API_INTERNAL ? walk->visit_record(walk->visit_context, name, NULL, error) != 0 : -1;
	}
	result = walk->visit_record(walk->visit_context, name, &user, NULL) != 0;
	record_free_user(&user);
	return result;
}

int
transfer_read_users(struct store *store, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error)
{
	struct walk walk = users_walk(store, server_id, NULL, SIZE_MAX);

	walk.take = take_record;
	walk.visit_record = visit;
	walk.visit_context = context;
	return walk_pages(&walk, error);
}
