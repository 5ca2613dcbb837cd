/*
 * Access keys: who may call berth-api, and what. One JSON file that the configuration's User alone can read (mode 0600):
 * a signature can only be checked by who has the secret itself. `berth api-key` writes it, berth-api reads it.
 *
 * The file is replaced as a whole, under a lock, durably; a reader sees the old one or the new one.
 */
#ifndef BERTH_ACCESS_KEYS_H
#define BERTH_ACCESS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/model/error.h"

#define ACCESS_KEY_ID_LENGTH     20 /* "BRTH" and 16 of A-Z2-7 */
#define ACCESS_KEY_SECRET_LENGTH 40
#define ACCESS_KEY_LIST_MAX      100 /* patterns of operations, servers */
#define ACCESS_KEYS_MAX          10000
#define ACCESS_KEY_RATE_MAX      100000 /* as ApiRate's */
#define ACCESS_PATTERN_MAX       64

struct access_key {
	char id[ACCESS_KEY_ID_LENGTH + 1];
	char secret[ACCESS_KEY_SECRET_LENGTH + 1];
	bool enabled;
	double created;    /* seconds since 1970 */
	char *description; /* NULL: none */
	char **allow;      /* patterns of operations' names, '*' for any characters; none: all operations */
	size_t allow_count;
	char **servers;    /* ids; none: all servers */
	size_t server_count;
	bool has_rate;
	unsigned rate;     /* requests a second, in place of ApiRate; 0: without bound */
};

struct access_keys {
	struct access_key *keys; /* in the order in which they were made */
	size_t count;
	struct stat status;      /* of the file they were read from; all zero when there was none */
};

/*
 * access_keys_read: no file is no keys. A file that others can read, or that isn't ours or root's, is refused, like one that
 * isn't what access_keys_change() writes. Returns 0 (release with access_keys_free()) or -1; *keys is empty then.
 */
int access_keys_read(const char *path, struct access_keys *keys, struct api_error *error);
/* access_keys_changed: whether the path leads to another file than the keys came from, or to a changed one. */
bool access_keys_changed(const char *path, const struct access_keys *keys);
/* access_keys_free: secrets are overwritten first. */
void access_keys_free(struct access_keys *keys);

/* access_keys_find: NULL when there is none of that id. */
struct access_key *access_keys_find(const struct access_keys *keys, const char *id);

/*
 * access_keys_change: reads, lets `change` alter the keys (with access_keys_add() and access_keys_remove(), or in place; it
 * may refuse: -1), and writes what can be read again, all under the lock of the file's directory. Makes the file, not its
 * directory. Durable once it returns 0.
 */
typedef int access_keys_alter(void *context, struct access_keys *keys, struct api_error *error);
int access_keys_change(const char *path, access_keys_alter *change, void *context, struct api_error *error);

/* access_key_make: id and secret from getrandom(2), enabled, made now; nothing else. Returns 0 or -1. */
int access_key_make(struct access_key *key, struct api_error *error);
/* access_key_copy: everything of it. Returns 0 (release with access_key_free()) or -1. */
int access_key_copy(const struct access_key *key, struct access_key *copy, struct api_error *error);
/* access_key_free: what the key points to; the secret is overwritten. */
void access_key_free(struct access_key *key);
/* access_keys_add: the key is the list's from then on; not on -1. */
int access_keys_add(struct access_keys *keys, const struct access_key *key, struct api_error *error);
void access_keys_remove(struct access_keys *keys, struct access_key *key);

/*
 * access_key_permits: whether the key may call this operation. server_id: the server that the request is about, NULL when
 * it is about none (CreateServer, ListServers) or doesn't say: a key that is bound to servers may not. Returns 0, or -1
 * with API_ACCESS_DENIED, which names the operation and what the key lacks. access_key_permits_operation: whether it may on
 * some server, before the request says on which.
 */
int access_key_permits_operation(const struct access_key *key, const char *operation, struct api_error *error);
int access_key_permits(const struct access_key *key, const char *operation, const char *server_id, struct api_error *error);

/* access_pattern_valid: letters and '*', at most ACCESS_PATTERN_MAX of them, that fit at least one operation. */
bool access_pattern_valid(const char *pattern);

#endif
