/*
 * A cache in a folder of its own, of SERVER of a store elsewhere.
 */
#ifndef TEST_CACHE_FOLDER_H
#define TEST_CACHE_FOLDER_H

#include "common/store/cache/cache_private.h"
#include "tests/unit/store_folder.h"

#define REMOTE     "transfer:https://store.example:8443"
#define KEY_BASE64 "AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"

static char cache_path[96];
static struct cache_options options;

/* For cmocka. */
static inline int
cache_folder_make(void **state)
{
	(void)state;
	if (folder_make() == -1)
		return -1;
	snprintf(cache_path, sizeof(cache_path), "%s/cache.db", folder);
	options = (struct cache_options){ cache_path, REMOTE, SERVER, 60, 86400 };
	return 0;
}

static inline struct cache *
cache_opened(bool writes)
{
	struct cache *cache;

	if (cache_open(&options, writes, &cache, &error) == -1)
		fail_msg("%s", error.message);
	return cache;
}

static inline struct cache_asked
asking(struct cache *cache)
{
	struct cache_asked asked;

	if (cache_asking(cache, &asked, &error) == -1)
		fail_msg("%s", error.message);
	return asked;
}

static inline enum cache_state
looked(struct cache *cache, const char *name)
{
	enum cache_state state;

	if (cache_look(cache, name, &state, &error) == -1)
		fail_msg("%s: %s", name, error.message);
	return state;
}

static inline int
put_asked(struct cache *cache, const struct cache_asked *asked, const char *name, uint32_t uid)
{
	struct ssh_key key = { .id = "key-00000000000000000", .type = "ssh-ed25519",
		.body = (char *)"ssh-ed25519 " KEY_BASE64 " of alice", .base64 = (char *)KEY_BASE64, .imported = 1.5e9 };
	struct mapping mapping = { (char *)"/", (char *)"/bucket/home", MAPPING_NOT_GIVEN };
	struct tag tag = { (char *)"team", (char *)"blue" };
	struct user_record user = { .server_id = SERVER, .role = (char *)"role", .home_type = HOME_LOGICAL,
		.home_directory = (char *)"/x", .mappings = &mapping, .mapping_count = 1, .has_profile = true, .keys = &key,
		.key_count = 1, .tags = &tag, .tag_count = 1, .profile = { uid, uid, { 7001, 7002 }, 2, true } };

	snprintf(user.user_name, sizeof(user.user_name), "%s", name);
	return cache_put_user(cache, asked, &user, &error);
}

/* Asked now, and answered at once. */
static inline void
put(struct cache *cache, const char *name, uint32_t uid)
{
	struct cache_asked asked = asking(cache);
	int result = put_asked(cache, &asked, name, uid);

	if (result != 0)
		fail_msg("%s: %d %s", name, result, result == -1 ? error.message : "");
}

static inline void
put_server(struct cache *cache, bool online)
{
	struct tag tag = { (char *)"site", (char *)"north" };
	struct server_record server = { .server_id = SERVER, .online = online, .settings = (char *)"{\"Domain\":\"S3\"}",
		.tags = &tag, .tag_count = 1 };
	struct cache_asked asked = asking(cache);

	if (cache_put_server(cache, &asked, &server, &error) != 0)
		fail_msg("%s", error.message);
}

/* The uid of a record, or 0 when there is none. */
static inline uint32_t
uid_of(struct cache *cache, const char *name)
{
	struct store_login login;

	switch (store_find_by_name(cache_store(cache), SERVER, name, &login, &error)) {
	case 0:
		return 0;
	case 1:
		return login.uid;
	}
	fail_msg("%s: %s", name, error.message);
	return 0;
}

/* By hand. */
static inline void
cache_sql(const char *text)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(cache_path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

#endif
