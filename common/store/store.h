/*
 * The store: where servers and users are kept, in the Transfer API's own verbs. Each implementation fills in a struct
 * store_operations; "sqlite:PATH" (sqlite*.c) is the embedded default.
 *
 * A store kept elsewhere (transfer/transfer.h) has some of the verbs alone: it lists, describes and finds by name, and
 * answers whole operations (store_call()). The others are refused: API_INVALID_REQUEST. What it reads is what the other side
 * says one call after the other, and not as it was at one moment; and its lists are in the other side's order.
 *
 * Every call returns 0, or -1 with *error set and the store as it was. A write has returned 0 only once it is durable
 * (README, promise 6). A store is used by one thread at a time; several processes may have the same one open: writers wait
 * for each other, readers never wait.
 *
 * Records come in validated by model/rules.h. The store keeps the rules that need its own data: names taken, keys taken,
 * servers unknown, the merge of an update.
 */
#ifndef BERTH_STORE_H
#define BERTH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/error.h"
#include "common/model/record.h"

struct store;

enum store_mode {
	STORE_READ,   /* must exist; never writes records */
	STORE_WRITE,  /* must exist */
	STORE_CREATE, /* made when it isn't there: for CreateServer only */
};

/* store_open: spec is the configuration's Store value, of a store on this host. A writer brings an older release's store to
 * this one's schema; a reader takes either. The faults have words of their own: missing, not a Berth store, made by a newer
 * Berth (schema N, this one knows M), kept elsewhere. */
int store_open(const char *spec, enum store_mode mode, struct store **store, struct api_error *error);
void store_close(struct store *store); /* NULL is fine */
/* store_moved: whether the specification leads to another store by now, or to none: who keeps one open for long must open it
 * again, or serves users that nobody can change any more. */
bool store_moved(struct store *store);

/* store_is_remote: whether it is kept elsewhere. store_call: then, one of the Transfer API's operations, whose request and
 * answer go through as they are (unknown members, too). *response is NULL for an operation without output; the caller frees
 * it with cJSON_Delete(). */
struct cJSON;
bool store_is_remote(const struct store *store);
int store_call(struct store *store, const char *operation, const struct cJSON *request, struct cJSON **response,
    struct api_error *error);

/* Servers. The caller owns what comes back: record_free_server(). */
int store_create_server(struct store *store, const struct server_record *server, struct api_error *error);
int store_describe_server(struct store *store, const char *server_id, struct server_record *server, struct api_error *error);

/* Lists go one by one to a visitor, in the order of their ids or names, after the one called `after` (NULL: from the
 * start), at most `limit` of them. The visitor's return value stops the walk when not 0, and is not an error. */
typedef int store_visit_server(void *context, const struct server_record *server);
int store_list_servers(struct store *store, const char *after, size_t limit, store_visit_server *visit, void *context,
    struct api_error *error);

/* store_update_server: reads, lets `merge` change the record (it validates, and may refuse: -1), writes its state and
 * settings; all in one transaction. */
typedef int store_merge_server(const void *context, struct server_record *server, struct api_error *error);
int store_update_server(struct store *store, const char *server_id, store_merge_server *merge, const void *context,
    struct api_error *error);
/* store_delete_server: API_INVALID_REQUEST while it has users, unless they go along. */
int store_delete_server(struct store *store, const char *server_id, bool with_users, struct api_error *error);

/* Users. Keys, tags and mappings of `user` are stored with it (CreateUser). */
int store_create_user(struct store *store, const struct user_record *user, struct api_error *error);
/* store_replace_user: the user, who must be there, becomes exactly this record. */
int store_replace_user(struct store *store, const struct user_record *user, struct api_error *error);
int store_describe_user(struct store *store, const char *server_id, const char *user_name, struct user_record *user,
    struct api_error *error);
int store_delete_user(struct store *store, const char *server_id, const char *user_name, struct api_error *error);

/* store_update_user: reads, lets `merge` apply the change (it validates the result and may refuse: -1), writes; all in
 * one transaction. */
typedef int store_merge_user(const void *context, const struct user_change *change, struct user_record *user,
    struct api_error *error);
int store_update_user(struct store *store, const struct user_change *change, store_merge_user *merge, const void *context,
    struct api_error *error);

struct listed_user { /* pointers live only during the visit; NULL: not given */
	const char *user_name, *role, *home_directory;
	enum home_type home_type;
	size_t key_count;
};
typedef int store_visit_user(void *context, const struct listed_user *user);
int store_list_users(struct store *store, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error);

/* store_find_users: those who have all of these tags; a tag without a value stands for any value. The order, `after` and
 * `limit` are those of a list. */
int store_find_users(struct store *store, const char *server_id, const struct tag *tags, size_t tag_count, const char *after,
    size_t limit, store_visit_user *visit, void *context, struct api_error *error);
/* store_read_users: all of a server's users, whole, in the order of their names, as they were at one moment. The record
 * lives only during the visit, whose return value stops the walk when not 0, and is not an error. One that can't be read
 * comes as NULL with its name and *why, and the walk goes on. */
typedef int store_visit_record(void *context, const char *user_name, const struct user_record *user,
    const struct api_error *why);
int store_read_users(struct store *store, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error);

/* Tags: of a server (user_name NULL) or of a user. The caller owns what is read: record_free_tags(). */
int store_read_tags(struct store *store, const char *server_id, const char *user_name, struct tag **tags, size_t *count,
    struct api_error *error);
/* store_update_tags: reads, lets `merge` change the list (it owns what it takes out; it may refuse: -1), writes; all in one
 * transaction. */
typedef int store_merge_tags(const void *context, struct tag **tags, size_t *count, struct api_error *error);
int store_update_tags(struct store *store, const char *server_id, const char *user_name, store_merge_tags *merge,
    const void *context, struct api_error *error);

/*
 * Many writes as one: what is written from store_begin() on is durable, and seen by others, once store_commit() has
 * returned 0. Each write still stands or fails by itself, but for a fault of the file (API_UNAVAILABLE), which undoes all
 * of the batch. Other writers wait meanwhile: a batch should last less than a second, and leave them a moment before the
 * next. store_abandon: as if nothing had been written since store_begin().
 */
int store_begin(struct store *store, struct api_error *error);
int store_commit(struct store *store, struct api_error *error);
void store_abandon(struct store *store);

/* Keys. A key whose base64 the user already has is API_EXISTS; past USER_KEYS_MAX is API_INVALID_REQUEST. */
int store_import_key(struct store *store, const char *server_id, const char *user_name, const struct ssh_key *key,
    struct api_error *error);
int store_delete_key(struct store *store, const char *server_id, const char *user_name, const char *key_id,
    struct api_error *error);

/*
 * Logging in: the agent's questions, answered through indexes without reading a whole record. Each returns 1 when found,
 * 0 when not, -1 with *error.
 */
struct store_login {
	char user_name[USER_NAME_MAX + 1];
	bool has_profile;
	uint32_t uid, gid;
	enum home_type home_type;
	char home_directory[PATH_BYTES_MAX + 1]; /* "" when not given */
};
int store_find_by_name(struct store *store, const char *server_id, const char *user_name, struct store_login *login,
    struct api_error *error);
/* Several records may share a uid: the first by name. */
int store_find_by_uid(struct store *store, const char *server_id, uint32_t uid, struct store_login *login,
    struct api_error *error);
/* Whether there is such a server, and in *online whether it is ONLINE. Unlike store_describe_server() it counts nobody. */
int store_find_server(struct store *store, const char *server_id, bool *online, struct api_error *error);
/* Whether any record has this gid, as Gid or secondary. */
int store_find_gid(struct store *store, const char *server_id, uint32_t gid, struct api_error *error);
/* gids: room for SECONDARY_GIDS_MAX; a record with more of them is API_INTERNAL. Returns 0 (*count is 0 for a user who isn't
 * known) or -1. */
int store_secondary_gids(struct store *store, const char *server_id, const char *user_name, uint32_t *gids, size_t *count,
    struct api_error *error);
typedef int store_visit_key(void *context, const char *type, const char *base64);
/* type and base64 NULL: all the user's keys; else that one. Returns 0 or -1. */
int store_find_keys(struct store *store, const char *server_id, const char *user_name, const char *type, const char *base64,
    store_visit_key *visit, void *context, struct api_error *error);

#endif
