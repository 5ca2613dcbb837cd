/*
 * What an implementation of the store fills in: store.h's calls, with the same contracts. Its own struct begins with a
 * struct store. Any but close may be NULL: store.c refuses it then, and what can't be refused does nothing.
 */
#ifndef BERTH_STORE_OPERATIONS_H
#define BERTH_STORE_OPERATIONS_H

#include "common/store/store.h"

struct store_operations {
	void (*close)(struct store *);
	bool (*moved)(struct store *);
	/* Of stores kept elsewhere alone. */
	int (*call)(struct store *, const char *, const struct cJSON *, struct cJSON **, struct api_error *);
	int (*create_server)(struct store *, const struct server_record *, struct api_error *);
	int (*describe_server)(struct store *, const char *, struct server_record *, struct api_error *);
	int (*list_servers)(struct store *, const char *, size_t, store_visit_server *, void *, struct api_error *);
	int (*update_server)(struct store *, const char *, store_merge_server *, const void *, struct api_error *);
	int (*delete_server)(struct store *, const char *, bool, struct api_error *);
	int (*create_user)(struct store *, const struct user_record *, struct api_error *);
	int (*replace_user)(struct store *, const struct user_record *, struct api_error *);
	int (*describe_user)(struct store *, const char *, const char *, struct user_record *, struct api_error *);
	int (*delete_user)(struct store *, const char *, const char *, struct api_error *);
	int (*update_user)(struct store *, const struct user_change *, store_merge_user *, const void *,
	    struct api_error *);
	int (*list_users)(struct store *, const char *, const char *, size_t, store_visit_user *, void *,
	    struct api_error *);
	int (*find_users)(struct store *, const char *, const struct tag *, size_t, const char *, size_t, store_visit_user *,
	    void *, struct api_error *);
	int (*read_users)(struct store *, const char *, store_visit_record *, void *, struct api_error *);
	int (*read_tags)(struct store *, const char *, const char *, struct tag **, size_t *, struct api_error *);
	int (*update_tags)(struct store *, const char *, const char *, store_merge_tags *, const void *, struct api_error *);
	int (*begin)(struct store *, struct api_error *);
	int (*commit)(struct store *, struct api_error *);
	void (*abandon)(struct store *);
	int (*import_key)(struct store *, const char *, const char *, const struct ssh_key *, struct api_error *);
	int (*delete_key)(struct store *, const char *, const char *, const char *, struct api_error *);
	int (*find_by_name)(struct store *, const char *, const char *, struct store_login *, struct api_error *);
	int (*find_by_uid)(struct store *, const char *, uint32_t, struct store_login *, struct api_error *);
	int (*find_server)(struct store *, const char *, bool *, struct api_error *);
	int (*find_gid)(struct store *, const char *, uint32_t, struct api_error *);
	int (*secondary_gids)(struct store *, const char *, const char *, uint32_t *, size_t *, struct api_error *);
	int (*find_keys)(struct store *, const char *, const char *, const char *, const char *, store_visit_key *, void *,
	    struct api_error *);
};

struct store {
	const struct store_operations *operations;
};

/* store_sqlite_path: what follows "sqlite:" in a specification; NULL with *error for another kind of store, in words for
 * each. */
const char *store_sqlite_path(const char *spec, struct api_error *error);
/* sqlite_open: path is what follows "sqlite:" in the specification. */
int sqlite_open(const char *path, enum store_mode mode, struct store **store, struct api_error *error);

#endif
