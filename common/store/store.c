#include "common/store/store.h"

#include <string.h>

#include "common/host/config_value.h"
#include "common/store/store_operations.h"

#define SQLITE_SCHEME "sqlite:"

const char *
store_sqlite_path(const char *spec, struct api_error *error)
{
	if (strncmp(spec, SQLITE_SCHEME, strlen(SQLITE_SCHEME)) == 0)
		return spec + strlen(SQLITE_SCHEME);
	if (strncmp(spec, CONFIG_REMOTE_STORE, strlen(CONFIG_REMOTE_STORE)) == 0) {
		api_fail(error, API_INVALID_REQUEST, "Store: %.300s is kept elsewhere; this works on a store of this host "
		    "alone", spec);
		return NULL;
	}
	api_fail(error, API_INVALID_REQUEST, "Store: \"%.200s\" names no kind of store that Berth knows; "
	    "it is written sqlite:/ABSOLUTE/PATH", spec);
	return NULL;
}

int
store_open(const char *spec, enum store_mode mode, struct store **store, struct api_error *error)
{
	const char *path = store_sqlite_path(spec, error);

	*store = NULL;
	return path == NULL ? -1 : sqlite_open(path, mode, store, error);
}

void
store_close(struct store *store)
{
	if (store != NULL)
		store->operations->close(store);
}

bool
store_moved(struct store *store)
{
	return store->operations->moved != NULL && store->operations->moved(store);
}

static int
refused(struct api_error *error)
{
	return api_fail(error, API_INVALID_REQUEST, "The store is kept elsewhere, and can't be asked for this or changed in "
	    "this way; the operations of `berth admin` work on it");
}

bool
store_is_remote(const struct store *store)
{
	return store->operations->call != NULL;
}

int
store_call(struct store *store, const char *operation, const struct cJSON *request, struct cJSON **response,
    struct api_error *error)
{
	*response = NULL;
	if (!store_is_remote(store))
		return api_fail(error, API_INVALID_REQUEST, "The store is this host's own: it answers no whole operations");
	return store->operations->call(store, operation, request, response, error);
}

int
store_create_server(struct store *store, const struct server_record *server, struct api_error *error)
{
	if (store->operations->create_server == NULL)
		return refused(error);
	return store->operations->create_server(store, server, error);
}

int
store_describe_server(struct store *store, const char *server_id, struct server_record *server, struct api_error *error)
{
	if (store->operations->describe_server == NULL)
		return refused(error);
	return store->operations->describe_server(store, server_id, server, error);
}

int
store_list_servers(struct store *store, const char *after, size_t limit, store_visit_server *visit, void *context,
    struct api_error *error)
{
	if (store->operations->list_servers == NULL)
		return refused(error);
	return store->operations->list_servers(store, after, limit, visit, context, error);
}

int
store_update_server(struct store *store, const char *server_id, store_merge_server *merge, const void *context,
    struct api_error *error)
{
	if (store->operations->update_server == NULL)
		return refused(error);
	return store->operations->update_server(store, server_id, merge, context, error);
}

int
store_delete_server(struct store *store, const char *server_id, bool with_users, struct api_error *error)
{
	if (store->operations->delete_server == NULL)
		return refused(error);
	return store->operations->delete_server(store, server_id, with_users, error);
}

int
store_create_user(struct store *store, const struct user_record *user, struct api_error *error)
{
	if (store->operations->create_user == NULL)
		return refused(error);
	return store->operations->create_user(store, user, error);
}

int
store_replace_user(struct store *store, const struct user_record *user, struct api_error *error)
{
	if (store->operations->replace_user == NULL)
		return refused(error);
	return store->operations->replace_user(store, user, error);
}

int
store_describe_user(struct store *store, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error)
{
	if (store->operations->describe_user == NULL)
		return refused(error);
	return store->operations->describe_user(store, server_id, user_name, user, error);
}

int
store_delete_user(struct store *store, const char *server_id, const char *user_name, struct api_error *error)
{
	if (store->operations->delete_user == NULL)
		return refused(error);
	return store->operations->delete_user(store, server_id, user_name, error);
}

int
store_update_user(struct store *store, const struct user_change *change, store_merge_user *merge, const void *context,
    struct api_error *error)
{
	if (store->operations->update_user == NULL)
		return refused(error);
	return store->operations->update_user(store, change, merge, context, error);
}

int
store_list_users(struct store *store, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error)
{
	if (store->operations->list_users == NULL)
		return refused(error);
	return store->operations->list_users(store, server_id, after, limit, visit, context, error);
}

int
store_find_users(struct store *store, const char *server_id, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit, store_visit_user *visit, void *context, struct api_error *error)
{
	if (store->operations->find_users == NULL)
		return refused(error);
	return store->operations->find_users(store, server_id, tags, tag_count, after, limit, visit, context, error);
}

int
store_read_users(struct store *store, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error)
{
	if (store->operations->read_users == NULL)
		return refused(error);
	return store->operations->read_users(store, server_id, visit, context, error);
}

int
store_read_tags(struct store *store, const char *server_id, const char *user_name, struct tag **tags, size_t *count,
    struct api_error *error)
{
	if (store->operations->read_tags == NULL)
		return refused(error);
	return store->operations->read_tags(store, server_id, user_name, tags, count, error);
}

int
store_update_tags(struct store *store, const char *server_id, const char *user_name, store_merge_tags *merge,
    const void *context, struct api_error *error)
{
	if (store->operations->update_tags == NULL)
		return refused(error);
	return store->operations->update_tags(store, server_id, user_name, merge, context, error);
}

int
store_begin(struct store *store, struct api_error *error)
{
	if (store->operations->begin == NULL)
		return refused(error);
	return store->operations->begin(store, error);
}

int
store_commit(struct store *store, struct api_error *error)
{
	if (store->operations->commit == NULL)
		return refused(error);
	return store->operations->commit(store, error);
}

void
store_abandon(struct store *store)
{
	if (store->operations->abandon != NULL)
		store->operations->abandon(store);
}

int
store_import_key(struct store *store, const char *server_id, const char *user_name, const struct ssh_key *key,
    struct api_error *error)
{
	if (store->operations->import_key == NULL)
		return refused(error);
	return store->operations->import_key(store, server_id, user_name, key, error);
}

int
store_delete_key(struct store *store, const char *server_id, const char *user_name, const char *key_id,
    struct api_error *error)
{
	if (store->operations->delete_key == NULL)
		return refused(error);
	return store->operations->delete_key(store, server_id, user_name, key_id, error);
}

int
store_find_by_name(struct store *store, const char *server_id, const char *user_name, struct store_login *login,
    struct api_error *error)
{
	if (store->operations->find_by_name == NULL)
		return refused(error);
	return store->operations->find_by_name(store, server_id, user_name, login, error);
}

int
store_find_by_uid(struct store *store, const char *server_id, uint32_t uid, struct store_login *login,
    struct api_error *error)
{
	if (store->operations->find_by_uid == NULL)
		return refused(error);
	return store->operations->find_by_uid(store, server_id, uid, login, error);
}

int
store_find_server(struct store *store, const char *server_id, bool *online, struct api_error *error)
{
	if (store->operations->find_server == NULL)
		return refused(error);
	return store->operations->find_server(store, server_id, online, error);
}

int
store_find_gid(struct store *store, const char *server_id, uint32_t gid, struct api_error *error)
{
	if (store->operations->find_gid == NULL)
		return refused(error);
	return store->operations->find_gid(store, server_id, gid, error);
}

int
store_secondary_gids(struct store *store, const char *server_id, const char *user_name, uint32_t *gids, size_t *count,
    struct api_error *error)
{
	if (store->operations->secondary_gids == NULL)
		return refused(error);
	return store->operations->secondary_gids(store, server_id, user_name, gids, count, error);
}

int
store_find_keys(struct store *store, const char *server_id, const char *user_name, const char *type, const char *base64,
    store_visit_key *visit, void *context, struct api_error *error)
{
	if (store->operations->find_keys == NULL)
		return refused(error);
	return store->operations->find_keys(store, server_id, user_name, type, base64, visit, context, error);
}
