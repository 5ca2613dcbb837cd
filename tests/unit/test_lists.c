/* Many users at once: found by tag, read whole, replaced, and written in batches. */

#include "common/model/record_json.h"
#include "tests/unit/operation_calls.h"

static void
create(const char *name, const char *tags)
{
	char request[1024];

	snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"%s\"," ROLE "%s%s%s}", name,
	    tags[0] == '\0' ? "" : ",\"Tags\":[", tags, tags[0] == '\0' ? "" : "]");
	works("CreateUser", request);
}

#define TAG(key, value) "{\"Key\":\"" key "\",\"Value\":\"" value "\"}"

static void
create_all(void)
{
	create("dave", TAG("team", "blue") "," TAG("env", "prod"));
	create("alice", TAG("team", "blue") "," TAG("env", "test"));
	create("carol", TAG("team", "red"));
	create("bob", TAG("env", "prod") "," TAG("team", "blue"));
	create("erin", "");
	create("frank", TAG("Team", "blue"));
}

static void
edit(const char *statement)
{
	assert_int_equal(sqlite3_exec(world.side, statement, NULL, NULL, NULL), SQLITE_OK);
}

static int
delete_all(void **state)
{
	(void)state;
	edit("PRAGMA foreign_keys = ON; DELETE FROM users");
	return 0;
}

struct seen {
	char names[256];
	int stop_after; /* 0: never */
};

static int
see(struct seen *seen, const char *name)
{
	strcat(seen->names, seen->names[0] == '\0' ? "" : " ");
	strcat(seen->names, name);
	return --seen->stop_after == 0;
}

static int
see_listed(void *seen, const struct listed_user *user)
{
	assert_non_null(user->role);
	return see(seen, user->user_name);
}

static void
found(const struct tag *tags, size_t count, const char *after, size_t limit, const char *names)
{
	struct seen seen = { "", 0 };

	if (store_find_users(world.context.store, world.server, tags, count, after, limit, see_listed, &seen,
	    &world.error) == -1)
		fail_msg("%s", world.error.message);
	assert_string_equal(seen.names, names);
}

static struct tag
tag(const char *key, const char *value)
{
	return (struct tag){ (char *)key, (char *)value };
}

static void
test_find_by_tag(void **state)
{
	struct tag two[2];
	struct seen seen = { "", 1 };

	(void)state;
	create_all();
	two[0] = tag("team", "blue");
	found(two, 1, NULL, 100, "alice bob dave");
	found(two, 1, "alice", 100, "bob dave");
	found(two, 1, "alice", 1, "bob");
	two[1] = tag("env", "prod");
	found(two, 2, NULL, SIZE_MAX, "bob dave");
	two[0] = tag("env", NULL);
	found(two, 1, NULL, 100, "alice bob dave");
	two[1] = tag("team", "red");
	found(two, 2, NULL, 100, "");
	two[0] = tag("team' OR 1=1 --", "blue");
	found(two, 1, NULL, 100, "");
	two[0] = tag("team", "blue");
	assert_int_equal(store_find_users(world.context.store, world.server, two, 1, NULL, 100, see_listed, &seen,
	    &world.error), 0);
	assert_string_equal(seen.names, "alice");
	assert_int_equal(store_find_users(world.context.store, world.server, two, 0, NULL, 100, see_listed, &seen,
	    &world.error), -1);
	assert_int_equal(world.error.code, API_INVALID_REQUEST);
	assert_int_equal(store_find_users(world.context.store, "s-00000000000000000", two, 1, NULL, 1, see_listed, &seen,
	    &world.error), -1);
	assert_int_equal(world.error.code, API_NOT_FOUND);
}

static int
see_record(void *to, const char *name, const struct user_record *user, const struct api_error *why)
{
	struct seen *seen = to;

	if (user != NULL)
		assert_string_equal(name, user->user_name);
	else
		strcat(seen->names, strstr(why->message, "UTF-8") != NULL ? " utf8:" : " bad:");
	return see(seen, name);
}

/* What can't be read is named, and costs nobody else. */
static void
test_read_all(void **state)
{
	struct seen seen = { "", 0 };

	(void)state;
	create_all();
	assert_int_equal(store_read_users(world.context.store, world.server, see_record, &seen, &world.error), 0);
	assert_string_equal(seen.names, "alice bob carol dave erin frank");
	edit("UPDATE users SET mappings = 'x' WHERE user_name = 'bob'");
	edit("UPDATE users SET role = CAST(x'ff' AS TEXT) WHERE user_name = 'dave'");
	edit("UPDATE users SET user_name = CAST(x'65ff' AS TEXT) WHERE user_name = 'erin'");
	seen = (struct seen){ "", 0 };
	assert_int_equal(store_read_users(world.context.store, world.server, see_record, &seen, &world.error), 0);
	assert_string_equal(seen.names, "alice bad: bob carol utf8: dave utf8:  frank");
	seen = (struct seen){ "", 2 };
	assert_int_equal(store_read_users(world.context.store, world.server, see_record, &seen, &world.error), 0);
	assert_string_equal(seen.names, "alice bad: bob");
}

static char *
described(const char *name)
{
	struct user_record user;
	char *text;
	cJSON *json;

	if (store_describe_user(world.context.store, world.server, name, &user, &world.error) == -1)
		fail_msg("%s", world.error.message);
	json = record_json_described_user(&user, &world.config, &world.error);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	record_free_user(&user);
	return text;
}

/* A whole record takes another's place: nothing of the old one is left. */
static void
test_replace(void **state)
{
	struct user_record user;
	char *after;

	(void)state;
	works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE ",\"SshPublicKeyBody\":\"" KEY_1 "\","
	    "\"PosixProfile\":{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[6001,6002]},\"Policy\":\"{}\","
	    "\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/b\"}],"
	    "\"Tags\":[" TAG("team", "blue") "]}");
	create("bob", TAG("env", "prod"));
	assert_int_equal(store_describe_user(world.context.store, world.server, "alice", &user, &world.error), 0);
	strcpy(user.user_name, "bob");
	assert_int_equal(store_replace_user(world.context.store, &user, &world.error), 0);
	after = described("bob");
	assert_non_null(strstr(after, "\"SecondaryGids\":[6001,6002]"));
	assert_non_null(strstr(after, "\"SshPublicKeyId\":\"key-"));
	assert_non_null(strstr(after, "\"Tags\":[" TAG("team", "blue") "]"));
	free(after);
	record_free_user(&user);

	assert_int_equal(store_describe_user(world.context.store, world.server, "bob", &user, &world.error), 0);
	strcpy(user.user_name, "nobody");
	assert_int_equal(store_replace_user(world.context.store, &user, &world.error), -1);
	assert_int_equal(world.error.code, API_NOT_FOUND);
	record_free_user(&user);

	create("erin", "");
	assert_int_equal(store_describe_user(world.context.store, world.server, "erin", &user, &world.error), 0);
	strcpy(user.user_name, "bob");
	assert_int_equal(store_replace_user(world.context.store, &user, &world.error), 0);
	after = described("bob");
	assert_null(strstr(after, "Tags"));
	assert_null(strstr(after, "key-"));
	assert_null(strstr(after, "PosixProfile"));
	free(after);
	record_free_user(&user);
}

static size_t
count_users(struct store *store)
{
	struct server_record record;
	size_t count;

	assert_int_equal(store_describe_server(store, world.server, &record, &world.error), 0);
	count = record.user_count;
	record_free_server(&record);
	return count;
}

static struct store *
other_reader(void)
{
	struct store *store;
	char spec[96];

	snprintf(spec, sizeof(spec), "sqlite:%s/berth.db", world.folder);
	assert_int_equal(store_open(spec, STORE_READ, &store, &world.error), 0);
	return store;
}

static void
test_batches(void **state)
{
	struct store *reader = other_reader();

	(void)state;
	assert_int_equal(store_begin(world.context.store, &world.error), 0);
	create("alice", TAG("team", "blue"));
	/* A call that is refused within a batch undoes itself and nothing else. */
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\"," ROLE "}", API_EXISTS, "already exists");
	refused("UpdateUser", "{\"ServerId\":\"$\",\"UserName\":\"alice\",\"HomeDirectoryType\":\"LOGICAL\"}", API_INVALID_REQUEST,
	    "HomeDirectoryMappings");
	refused("DescribeUser", "{\"ServerId\":\"$\",\"UserName\":\"nobody\"}", API_NOT_FOUND, "Unknown user");
	create("bob", "");
	assert_int_equal(count_users(world.context.store), 2);
	assert_int_equal(count_users(reader), 0);
	assert_int_equal(store_commit(world.context.store, &world.error), 0);
	assert_int_equal(count_users(reader), 2);

	assert_int_equal(store_begin(world.context.store, &world.error), 0);
	create("carol", "");
	store_abandon(world.context.store);
	assert_int_equal(count_users(world.context.store), 2);
	create("dave", "");
	assert_int_equal(count_users(reader), 3);
	store_close(reader);
}

/* A store that was replaced meanwhile takes no more writes: they would be lost. */
static void
test_moved(void **state)
{
	char aside[96];

	(void)state;
	snprintf(aside, sizeof(aside), "%s/aside", world.folder);
	assert_int_equal(rename(world.path, aside), 0);
	refused("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"zoe\"," ROLE "}", API_UNAVAILABLE, "removed or replaced");
	assert_int_equal(store_begin(world.context.store, &world.error), -1);
	assert_int_equal(rename(aside, world.path), 0);
	create("zoe", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_find_by_tag, delete_all),
		cmocka_unit_test_teardown(test_read_all, delete_all),
		cmocka_unit_test_teardown(test_replace, delete_all),
		cmocka_unit_test_teardown(test_batches, delete_all),
		cmocka_unit_test_teardown(test_moved, delete_all),
	};

	return cmocka_run_group_tests_name("many users", tests, set_up, world_tear_down);
}
