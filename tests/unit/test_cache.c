/* The cache of a store kept elsewhere: what it holds, for how long, and who forgets it. */
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/cache_folder.h"

/* As if a record had been asked for earlier: by the clock that nobody sets, and by the other one. */
static void
make_older(const char *name, int seconds)
{
	char text[256];

	snprintf(text, sizeof(text), "UPDATE fetched SET asked = asked - %d000, time = time - %d WHERE user_name = '%s'",
	    seconds, seconds, name);
	cache_sql(text);
}

/* As if the host had been started since. */
static void
start_host_again(void)
{
	cache_sql("UPDATE fetched SET boot = boot + 1, asked = 9223372036854775807");
}

static void
test_states(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	bool online;

	(void)state;
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	put(writer, "alice", 5001);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	assert_int_equal(looked(writer, "alice"), CACHE_FRESH);
	assert_int_equal(looked(reader, "Alice"), CACHE_ABSENT);
	assert_int_equal(looked(reader, "alic"), CACHE_ABSENT);
	assert_int_equal(uid_of(reader, "alice"), 5001);
	/* Its server hasn't been asked for. */
	assert_int_equal(looked(reader, ""), CACHE_ABSENT);
	assert_int_equal(store_find_server(cache_store(reader), SERVER, &online, &error), 1);
	assert_false(online);
	put_server(writer, true);
	assert_int_equal(looked(reader, ""), CACHE_FRESH);
	assert_int_equal(store_find_server(cache_store(reader), SERVER, &online, &error), 1);
	assert_true(online);
	put_server(writer, false);
	assert_int_equal(store_find_server(cache_store(reader), SERVER, &online, &error), 1);
	assert_false(online);

	make_older("alice", 58);
	assert_in_range(cache_age(reader, "alice"), 58, 59);
	assert_int_equal(cache_age(reader, "bobby"), -1);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	make_older("alice", 2);
	assert_int_equal(looked(reader, "alice"), CACHE_STALE);
	assert_int_equal(looked(reader, ""), CACHE_FRESH);
	make_older("alice", 86400 - 62);
	assert_int_equal(looked(reader, "alice"), CACHE_STALE);
	make_older("alice", 2);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	put(writer, "alice", 5002);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	assert_int_equal(uid_of(reader, "alice"), 5002);
	cache_close(reader);
	cache_close(writer);
}

/* What the configuration says when it is asked, not when the record was kept. */
static void
test_other_seconds(void **state)
{
	struct cache *cache = cache_opened(true);

	(void)state;
	put(cache, "alice", 5001);
	make_older("alice", 30);
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	cache_close(cache);
	options.cache_seconds = 20;
	cache = cache_opened(true);
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	cache_close(cache);
	options.stale_seconds = 0;
	cache = cache_opened(true);
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	put(cache, "bobby", 5002);
	assert_int_equal(looked(cache, "bobby"), CACHE_FRESH);
	start_host_again();
	assert_int_equal(looked(cache, "bobby"), CACHE_ABSENT);
	cache_close(cache);
}

static void
test_clocks(void **state)
{
	struct cache *cache = cache_opened(true);

	(void)state;
	/* The wall clock has no say while the host runs. */
	put(cache, "alice", 5001);
	cache_sql("UPDATE fetched SET time = 0");
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	cache_sql("UPDATE fetched SET time = 1e300");
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	cache_sql("UPDATE fetched SET asked = asked + 100000");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	cache_sql("UPDATE fetched SET asked = -9223372036854775807");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	/* And nobody takes such a one for newer than an answer. */
	cache_sql("UPDATE fetched SET asked = 9223372036854775807");
	put(cache, "alice", 5002);
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	assert_int_equal(uid_of(cache, "alice"), 5002);

	start_host_again();
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	cache_sql("UPDATE fetched SET time = time + 200");
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	cache_sql("UPDATE fetched SET time = time + 200");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	cache_sql("UPDATE fetched SET time = time - 400 - 86390");
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	cache_sql("UPDATE fetched SET time = time - 20");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	cache_sql("UPDATE fetched SET time = 9e999");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	cache_sql("UPDATE fetched SET time = -9e999");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	put(cache, "alice", 5003);
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	cache_close(cache);
}

static int
note_key(void *context, const char *type, const char *base64)
{
	assert_string_equal(type, "ssh-ed25519");
	assert_string_equal(base64, KEY_BASE64);
	++*(int *)context;
	return 0;
}

/* A record comes back as it was put, the last one put. */
static void
test_whole_record(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	struct server_record server;
	struct user_record user;
	int keys = 0, i;

	(void)state;
	put_server(writer, true);
	for (i = 0; i < 3; i++)
		put(writer, "alice", 5001 + (uint32_t)i);
	assert_int_equal(store_describe_user(cache_store(reader), SERVER, "alice", &user, &error), 0);
	assert_string_equal(user.role, "role");
	assert_string_equal(user.home_directory, "/x");
	assert_int_equal(user.home_type, HOME_LOGICAL);
	assert_int_equal(user.mapping_count, 1);
	assert_string_equal(user.mappings[0].target, "/bucket/home");
	assert_int_equal(user.profile.uid, 5003);
	assert_int_equal(user.profile.secondary_gid_count, 2);
	assert_int_equal(user.key_count, 1);
	assert_string_equal(user.keys[0].body, "ssh-ed25519 " KEY_BASE64 " of alice");
	assert_int_equal(user.tag_count, 1);
	assert_string_equal(user.tags[0].value, "blue");
	record_free_user(&user);
	assert_int_equal(store_find_keys(cache_store(reader), SERVER, "alice", NULL, NULL, note_key, &keys, &error), 0);
	assert_int_equal(keys, 1);
	assert_int_equal(store_describe_server(cache_store(reader), SERVER, &server, &error), 0);
	assert_string_equal(server.settings, "{\"Domain\":\"S3\"}");
	assert_int_equal(server.tag_count, 1);
	assert_int_equal(server.user_count, 1);
	record_free_server(&server);
	cache_close(reader);
	cache_close(writer);
}

/* What breaks rules of ours is kept where a login can use it, and nothing of it stops one. */
static void
test_odd_record(void **state)
{
	struct ssh_key keys[] = {
		{ .id = "", .type = "ssh-dss", .body = (char *)"ssh-dss " KEY_BASE64, .base64 = (char *)KEY_BASE64 },
		{ .id = "?", .type = "ssh-ed25519", .body = (char *)"\"" KEY_BASE64, .base64 = (char *)KEY_BASE64 },
		{ .id = "", .type = "ssh-ed25519", .body = NULL, .base64 = (char *)"not base64!" },
		{ .id = "", .type = "ssh-ed25519", .body = NULL, .base64 = NULL },
	};
	struct tag tags[] = { { NULL, NULL }, { (char *)"k", NULL } };
	struct user_record user = { .server_id = SERVER, .user_name = "root", .keys = keys, .key_count = 4, .tags = tags,
		.tag_count = 2, .has_profile = true, .profile = { 0, 4294967295u, { 0 }, 1, true } };
	struct server_record server = { .server_id = SERVER };
	struct cache *cache = cache_opened(true);
	struct cache_asked asked = asking(cache);
	struct user_record back;
	int found = 0;

	(void)state;
	assert_int_equal(cache_put_user(cache, &asked, &user, &error), 0);
	assert_int_equal(cache_put_server(cache, &asked, &server, &error), 0);
	assert_int_equal(store_describe_user(cache_store(cache), SERVER, "root", &back, &error), 0);
	assert_string_equal(back.role, "");
	assert_int_equal(back.key_count, 1);
	assert_string_equal(back.keys[0].body, "ssh-ed25519 " KEY_BASE64);
	assert_int_equal(back.tag_count, 1);
	assert_string_equal(back.tags[0].value, "");
	assert_int_equal(back.profile.gid, 4294967295u);
	record_free_user(&back);
	assert_int_equal(store_find_keys(cache_store(cache), SERVER, "root", NULL, NULL, note_key, &found, &error), 0);
	assert_int_equal(found, 1);
	/* More keys than a user may have here: the first ones count. */
	user.keys = calloc(USER_KEYS_MAX + 1, sizeof(*user.keys));
	for (user.key_count = 0; user.key_count <= USER_KEYS_MAX; user.key_count++)
		user.keys[user.key_count] = keys[1];
	assert_int_equal(cache_put_user(cache, &asked, &user, &error), 0);
	found = 0;
	assert_int_equal(store_find_keys(cache_store(cache), SERVER, "root", NULL, NULL, note_key, &found, &error), 0);
	assert_int_equal(found, USER_KEYS_MAX);
	free(user.keys);
	user.keys = NULL;
	user.key_count = 0;
	/* Of another server: that isn't what was asked for. */
	strcpy(user.server_id, "s-00000000000000000");
	assert_int_equal(cache_put_user(cache, &asked, &user, &error), -1);
	strcpy(server.server_id, "s-00000000000000000");
	assert_int_equal(cache_put_server(cache, &asked, &server, &error), -1);
	cache_close(cache);
}

#define MANY_MAPPINGS 50000

static void
test_many_mappings(void **state)
{
	struct user_record user = { .server_id = SERVER, .user_name = "alice", .role = (char *)"r",
		.home_type = HOME_LOGICAL, .mapping_count = MANY_MAPPINGS };
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	struct cache_asked asked = asking(writer);
	struct user_record back;
	size_t i;

	(void)state;
	user.mappings = calloc(MANY_MAPPINGS, sizeof(*user.mappings));
	for (i = 0; i < MANY_MAPPINGS; i++)
		if (asprintf(&user.mappings[i].entry, "/%060zu", i) == -1 ||
		    asprintf(&user.mappings[i].target, "/b/%060zu", i) == -1)
			fail_msg("no memory");
	for (i = 0; i < 3; i++) {
		assert_int_equal(cache_put_user(writer, &asked, &user, &error), 0);
		assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
		assert_int_equal(store_describe_user(cache_store(reader), SERVER, "alice", &back, &error), 0);
		assert_int_equal(back.mapping_count, MANY_MAPPINGS);
		assert_string_equal(back.mappings[MANY_MAPPINGS - 1].target, user.mappings[MANY_MAPPINGS - 1].target);
		record_free_user(&back);
	}
	record_free_mappings(user.mappings, user.mapping_count);
	cache_close(reader);
	cache_close(writer);
}

static uint64_t
drops_of(struct cache *cache)
{
	uint64_t drops;

	assert_int_equal(cache_drops(cache, &drops, &error), 0);
	return drops;
}

static void
test_drops(void **state)
{
	struct cache *agent = cache_opened(true), *operator= cache_opened(true), *reader = cache_opened(false);
	struct cache_asked asked;
	uint64_t drops;
	bool found;

	(void)state;
	put_server(agent, true);
	put(agent, "alice", 5001);
	put(agent, "bobby", 5002);
	drops = drops_of(reader);
	assert_int_equal(drops_of(agent), drops);

	/* Somebody's record is on its way, and somebody drops it: what then arrives may be what was to be forgotten. */
	asked = asking(agent);
	assert_int_equal(cache_drop(operator, "alice", &found, &error), 0);
	assert_true(found);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	assert_int_equal(looked(reader, "bobby"), CACHE_FRESH);
	assert_int_equal(uid_of(reader, "alice"), 0);
	assert_int_not_equal(drops_of(reader), drops);
	assert_int_equal(put_asked(agent, &asked, "alice", 5001), 1);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	assert_int_equal(put_asked(agent, &asked, "bobby", 5009), 1);
	assert_int_equal(uid_of(reader, "bobby"), 5002);
	put(agent, "alice", 5003);
	assert_int_equal(uid_of(reader, "alice"), 5003);

	/* So with one that isn't there yet. */
	asked = asking(agent);
	drops = drops_of(reader);
	assert_int_equal(cache_drop(operator, "carol", &found, &error), 0);
	assert_false(found);
	assert_int_not_equal(drops_of(reader), drops);
	assert_int_equal(put_asked(agent, &asked, "carol", 5003), 1);
	assert_int_equal(looked(reader, "carol"), CACHE_ABSENT);

	asked = asking(agent);
	drops = drops_of(reader);
	assert_int_equal(cache_drop(operator, NULL, &found, &error), 0);
	assert_true(found);
	assert_int_not_equal(drops_of(reader), drops);
	assert_int_equal(looked(reader, ""), CACHE_ABSENT);
	assert_int_equal(looked(reader, "bobby"), CACHE_ABSENT);
	assert_int_equal(uid_of(reader, "bobby"), 0);
	assert_int_equal(put_asked(agent, &asked, "bobby", 5003), 1);
	assert_int_equal(cache_drop(operator, NULL, &found, &error), 0);
	assert_false(found);
	cache_close(reader);
	cache_close(operator);
	cache_close(agent);
}

/* Of two answers, the one to the later question counts, whichever comes last. */
static void
test_older_answer(void **state)
{
	struct cache *first = cache_opened(true), *second = cache_opened(true);
	struct cache_asked earlier = asking(first), later = asking(second);

	(void)state;
	earlier.at -= 1000;
	assert_int_equal(put_asked(second, &later, "alice", 5002), 0);
	assert_int_equal(put_asked(first, &earlier, "alice", 5001), 0);
	assert_int_equal(uid_of(first, "alice"), 5002);
	assert_int_equal(put_asked(first, &earlier, "bobby", 5001), 0);
	assert_int_equal(put_asked(second, &later, "bobby", 5002), 0);
	assert_int_equal(uid_of(first, "bobby"), 5002);
	cache_close(first);
	cache_close(second);
}

/* A record's age counts from before it was asked for. */
static void
test_age_from_asking(void **state)
{
	struct cache *cache = cache_opened(true);
	struct cache_asked asked = asking(cache);

	(void)state;
	asked.at -= 60000;
	assert_int_equal(put_asked(cache, &asked, "alice", 5001), 0);
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	start_host_again();
	cache_sql("UPDATE fetched SET time = time - 86400 + 70");
	assert_int_equal(looked(cache, "alice"), CACHE_STALE);
	cache_sql("UPDATE fetched SET time = time - 20");
	assert_int_equal(looked(cache, "alice"), CACHE_ABSENT);
	cache_close(cache);
}

static int64_t
version_of(struct cache *cache)
{
	sqlite3_stmt *statement;
	int64_t version;

	assert_int_equal(sqlite3_prepare_v2(cache->store->db, "PRAGMA data_version", -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return version;
}

static void
test_remove(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	uint64_t drops = drops_of(reader);
	int64_t version;
	bool online;

	(void)state;
	put_server(writer, true);
	put(writer, "alice", 5001);
	put(writer, "bobby", 5002);
	assert_int_equal(cache_remove(writer, "alice", &error), 0);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	assert_int_equal(uid_of(reader, "alice"), 0);
	assert_int_equal(looked(reader, "bobby"), CACHE_FRESH);
	/* Of who isn't there, nothing is written. */
	version = version_of(reader);
	assert_int_equal(cache_remove(writer, "alice", &error), 0);
	assert_int_equal(cache_remove(writer, "nobody", &error), 0);
	assert_int_equal(version_of(reader), version);
	assert_int_equal(cache_remove(writer, "", &error), 0);
	assert_int_not_equal(version_of(reader), version);
	assert_int_equal(looked(reader, ""), CACHE_ABSENT);
	assert_int_equal(looked(reader, "bobby"), CACHE_ABSENT);
	assert_int_equal(store_find_server(cache_store(reader), SERVER, &online, &error), 0);
	assert_int_equal(uid_of(reader, "bobby"), 0);
	/* A removal is no drop. */
	assert_int_equal(drops_of(reader), drops);
	cache_close(reader);
	cache_close(writer);
}

int fdatasync(int file) __attribute__((visibility("default")));
static int syncs;

/* In the place of libc's, for the library. */
int
fdatasync(int file)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, file);
}

/* What is gone doesn't come back after a power cut; what was fetched can be had again, and waits for no disk. */
static void
test_on_the_disk(void **state)
{
	struct cache *cache = cache_opened(true);
	bool found;

	(void)state;
	put(cache, "alice", 5001);
	put(cache, "bobby", 5002);
	syncs = 0;
	put(cache, "bobby", 5003);
	assert_int_equal(syncs, 0);
	assert_int_equal(cache_drop(cache, "alice", &found, &error), 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(cache_remove(cache, "bobby", &error), 0);
	assert_int_equal(syncs, 2);
	put(cache, "bobby", 5003);
	assert_int_equal(syncs, 2);
	cache_close(cache);
}

struct counted {
	int records, users, order;
	char last[USER_NAME_MAX + 1];
};

static int
count_record(void *context, const struct cached_record *record)
{
	struct counted *counted = context;

	counted->records++;
	counted->users += record->user_name[0] != '\0';
	if (counted->records > 1 && strcmp(record->user_name, counted->last) <= 0)
		counted->order++;
	snprintf(counted->last, sizeof(counted->last), "%s", record->user_name);
	return 0;
}

static int
count_all(struct cache *cache)
{
	struct counted counted = { 0 };

	assert_int_equal(cache_each(cache, count_record, &counted, &error), 0);
	assert_int_equal(counted.order, 0);
	return counted.records;
}

static int64_t
rows(const char *query)
{
	sqlite3_stmt *statement;
	int64_t count;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(cache_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	count = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return count;
}

/* Users of these numbers, from..to, as if they had been fetched so many seconds ago. */
static void
fill(struct cache *cache, int from, int to, int age)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	    "INSERT INTO users (server_key, user_name, uid, gid, role) "
	    "SELECT (SELECT server_key FROM servers), printf('user%%06d', i), i, i, 'r' FROM n;"
	    "INSERT INTO ssh_keys (user_key, position, key_id, type, base64, date_imported) SELECT user_key, 0, 'k', "
	    "'ssh-ed25519', '" KEY_BASE64 "', 1.5e9 FROM users WHERE uid BETWEEN %d AND %d;"
	    "INSERT INTO fetched SELECT user_name, %lld, %lld, 1e9 FROM users WHERE uid BETWEEN %d AND %d",
	    from, to, from, to, (long long)cache->boot, (long long)cache_now().boot_ms - age * 1000LL, from, to);
	cache_sql(text);
}

static void
test_purge(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	int64_t size = 0;
	int i;

	(void)state;
	options.stale_seconds = 1000;
	cache_close(writer);
	writer = cache_opened(true);
	put_server(writer, true);
	fill(writer, 1, 1700, 1001);
	fill(writer, 2001, 2100, 900);
	put(writer, "alice", 5001);
	assert_int_equal(cache_purge(writer, &error), 0);
	assert_int_equal(rows("SELECT count(*) FROM fetched"), 102);
	assert_int_equal(rows("SELECT count(*) FROM users"), 101);
	assert_int_equal(rows("SELECT count(*) FROM ssh_keys"), 101);
	assert_int_equal(looked(writer, "alice"), CACHE_FRESH);
	assert_int_equal(looked(writer, "user002001"), CACHE_STALE);
	/* Another start's go by the wall clock. */
	cache_sql("UPDATE fetched SET boot = boot + 1, time = CASE WHEN user_name > 'user002050' THEN time ELSE "
	    "unixepoch() - 999 END WHERE user_name LIKE 'user%'");
	cache_sql("UPDATE fetched SET time = unixepoch() + 1000 WHERE user_name = 'user002001'");
	assert_int_equal(cache_purge(writer, &error), 0);
	assert_int_equal(rows("SELECT count(*) FROM users"), 50);
	assert_int_equal(looked(writer, "user002001"), CACHE_ABSENT);
	assert_int_equal(looked(writer, "user002050"), CACHE_STALE);
	/* A server that is too old is gone, too, and its users stay. */
	cache_sql("UPDATE fetched SET asked = asked - 2000000 WHERE user_name = ''");
	assert_int_equal(cache_purge(writer, &error), 0);
	assert_int_equal(looked(writer, ""), CACHE_ABSENT);
	assert_int_equal(rows("SELECT count(*) FROM users"), 50);
	put_server(writer, true);
	assert_int_equal(rows("SELECT count(*) FROM users"), 50);
	/* The room is used again. */
	for (i = 0; i < 4; i++) {
		fill(writer, 10000 * (i + 1), 10000 * (i + 1) + 2000, 1001);
		assert_int_equal(cache_purge(writer, &error), 0);
		if (i == 0)
			size = rows("PRAGMA page_count");
	}
	assert_true(rows("PRAGMA page_count") <= size + size / 10);
	/* CacheSeconds may be the longer one. */
	cache_close(writer);
	options.cache_seconds = 3000;
	options.stale_seconds = 0;
	writer = cache_opened(true);
	fill(writer, 90001, 90100, 1001);
	assert_int_equal(cache_purge(writer, &error), 0);
	assert_int_equal(looked(writer, "user090001"), CACHE_FRESH);
	cache_close(reader);
	cache_close(writer);
}

/* Another Store or another ServerId: nothing of it is served, and the next writer forgets it. */
static void
test_other_store(void **state)
{
	struct cache *old = cache_opened(true), *reader = cache_opened(false), *other, *other_reader;
	struct cache_asked asked;
	uint64_t drops;

	(void)state;
	put_server(old, true);
	put(old, "alice", 5001);
	asked = asking(old);
	drops = drops_of(old);
	options.spec = "transfer:https://other.example";
	other_reader = cache_opened(false);
	assert_int_equal(looked(other_reader, "alice"), CACHE_ABSENT);
	assert_int_equal(looked(other_reader, ""), CACHE_ABSENT);
	assert_int_equal(count_all(other_reader), 0);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	other = cache_opened(true);
	asking(other);
	assert_int_equal(rows("SELECT count(*) FROM users"), 0);
	assert_int_equal(rows("SELECT count(*) FROM servers"), 0);
	assert_int_equal(rows("SELECT count(*) FROM fetched"), 0);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	assert_int_not_equal(drops_of(reader), drops);
	put(other, "alice", 7001);
	assert_int_equal(looked(reader, "alice"), CACHE_ABSENT);
	assert_int_equal(looked(other_reader, "alice"), CACHE_FRESH);
	assert_int_equal(count_all(reader), 0);
	assert_int_equal(count_all(other_reader), 1);
	/* Who still has the old configuration doesn't mix his records with these: the file is his again, or theirs. */
	assert_int_equal(put_asked(old, &asked, "bobby", 5002), 1);
	assert_int_equal(looked(other_reader, "alice"), CACHE_ABSENT);
	assert_int_equal(uid_of(reader, "alice"), 0);
	put(old, "bobby", 5002);
	assert_int_equal(looked(reader, "bobby"), CACHE_FRESH);
	cache_close(other_reader);
	cache_close(other);
	options.spec = REMOTE;
	options.server_id = "s-00000000000000001";
	other = cache_opened(true);
	assert_int_equal(looked(other, "bobby"), CACHE_ABSENT);
	asking(other);
	assert_int_equal(rows("SELECT count(*) FROM users"), 0);
	cache_close(other);
	cache_close(reader);
	cache_close(old);
}

static int
stop_at_third(void *context, const struct cached_record *record)
{
	(void)record;
	return ++*(int *)context == 3;
}

static int
check_record(void *context, const struct cached_record *record)
{
	int number = (*(int *)context)++;

	switch (number) {
	case 0:
		assert_string_equal(record->user_name, "");
		assert_int_equal(record->state, CACHE_FRESH);
		assert_true(record->online);
		assert_in_range(record->age_seconds, 0, 5);
		break;
	case 1:
		assert_string_equal(record->user_name, "alice");
		assert_int_equal(record->state, CACHE_STALE);
		assert_in_range(record->age_seconds, 100, 105);
		assert_true(record->has_profile);
		assert_int_equal(record->uid, 5001);
		assert_int_equal(record->gid, 5001);
		assert_int_equal(record->key_count, 1);
		assert_false(record->online);
		assert_true(record->fetched < cache_now().time - 99 && record->fetched > cache_now().time - 110);
		break;
	case 2:
		assert_string_equal(record->user_name, "bobby");
		assert_int_equal(record->state, CACHE_ABSENT);
		assert_int_equal(record->age_seconds, -1);
		assert_false(record->has_profile);
		assert_int_equal(record->key_count, 0);
		break;
	default:
		fail_msg("%s", record->user_name);
	}
	return 0;
}

static void
test_each(void **state)
{
	struct user_record bobby = { .server_id = SERVER, .user_name = "bobby" };
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	struct cache_asked asked = asking(writer);
	int count = 0;

	(void)state;
	assert_int_equal(count_all(reader), 0);
	assert_int_equal(cache_put_user(writer, &asked, &bobby, &error), 0);
	put_server(writer, true);
	put(writer, "alice", 5001);
	make_older("alice", 100);
	cache_sql("UPDATE fetched SET asked = 9e18 WHERE user_name = 'bobby'");
	assert_int_equal(cache_each(reader, check_record, &count, &error), 0);
	assert_int_equal(count, 3);
	fill(writer, 1, 600, 0);
	assert_int_equal(count_all(reader), 603);
	count = 0;
	assert_int_equal(cache_each(reader, stop_at_third, &count, &error), 0);
	assert_int_equal(count, 3);
	cache_close(reader);
	cache_close(writer);
}

#define MANY_USERS 100000

/* Visitors may take their time: nothing is held meanwhile. */
static int
begin_log_anew(void *context, const struct cached_record *record)
{
	sqlite3 *db = context;
	int log, copied;

	if (strcmp(record->user_name, "user050000") == 0) {
		assert_int_equal(sqlite3_exec(db, "UPDATE fetched SET time = 0", NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &copied), SQLITE_OK);
	}
	return 0;
}

static void
test_many_users(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false);
	struct counted counted = { 0 };
	sqlite3_int64 used, most;

	(void)state;
	put_server(writer, true);
	fill(writer, 1, MANY_USERS, 10);
	count_all(reader); /* the page cache is full then */
	used = sqlite3_memory_used();
	sqlite3_memory_highwater(1);
	assert_int_equal(cache_each(reader, count_record, &counted, &error), 0);
	most = sqlite3_memory_highwater(0);
	assert_int_equal(counted.users, MANY_USERS);
	assert_int_equal(counted.order, 0);
	assert_in_range(most - used, 0, 256 * 1024);
	assert_int_equal(cache_each(reader, begin_log_anew, writer->store->db, &error), 0);
	cache_close(reader);
	cache_close(writer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cache_folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_states),
		TEST(test_other_seconds),
		TEST(test_clocks),
		TEST(test_whole_record),
		TEST(test_odd_record),
		TEST(test_many_mappings),
		TEST(test_drops),
		TEST(test_older_answer),
		TEST(test_age_from_asking),
		TEST(test_remove),
		TEST(test_on_the_disk),
		TEST(test_purge),
		TEST(test_other_store),
		TEST(test_each),
		TEST(test_many_users),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
