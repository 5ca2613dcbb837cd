/* Each lookup's own SQL, as the library is given it, goes through the index made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/store/store.h"

#define SERVER "s-0123456789abcdef0"
#define COMMON_USERS 10050 /* more than a rare tag has */

static char folder[] = "/tmp/berth-queries.XXXXXX", spec[112], path[96];
static struct api_error error;
static struct store *store;
static char seen[4096]; /* the last statement that is no transaction's */

static int
note(unsigned event, void *context, void *statement, void *text)
{
	const char *sql = sqlite3_sql(statement);

	(void)event;
	(void)context;
	(void)text;
	if (sql != NULL && strncmp(sql, "SELECT", 6) == 0)
		snprintf(seen, sizeof(seen), "%s", sql);
	return 0;
}

/* The library calls it for each connection. */
static int
watch(sqlite3 *db, const char **message, const struct sqlite3_api_routines *routines)
{
	(void)message;
	(void)routines;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, note, NULL);
}

static void
create(const char *name, const struct tag *tags, size_t tag_count)
{
	struct user_record user = { .server_id = SERVER, .role = (char *)"r", .has_profile = true,
		.tags = (struct tag *)tags, .tag_count = tag_count, .profile = { 5001, 5001, { 7001 }, 1, true } };

	snprintf(user.user_name, sizeof(user.user_name), "%s", name);
	assert_int_equal(store_create_user(store, &user, &error), 0);
}

static int
set_up(void **state)
{
	struct server_record server = { .server_id = SERVER, .online = true, .settings = (char *)"{}" };
	const struct tag tags[] = { { (char *)"all", (char *)"x" }, { (char *)"rare", (char *)"y" } };
	char name[32];

	(void)state;
	if (mkdtemp(folder) == NULL || sqlite3_auto_extension((void (*)(void))watch) != SQLITE_OK)
		return -1;
	snprintf(path, sizeof(path), "%s/berth.db", folder);
	snprintf(spec, sizeof(spec), "sqlite:%s", path);
	if (store_open(spec, STORE_CREATE, &store, &error) == -1 || store_create_server(store, &server, &error) == -1 ||
	    store_begin(store, &error) == -1)
		return -1;
	for (int i = 0; i < COMMON_USERS; i++) {
		snprintf(name, sizeof(name), "user%05d", i);
		create(name, tags, i % 5000 == 0 ? 2 : 1);
	}
	return store_commit(store, &error);
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	store_close(store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* The plan of the last statement: all of the words are in it, and nothing is read from end to end. */
static void
plan_has(const char *const *words)
{
	char sql[sizeof(seen) + 32], plan[4096] = "";
	sqlite3_stmt *statement;
	sqlite3 *db;

	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", seen);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		strncat(plan, (const char *)sqlite3_column_text(statement, 3), sizeof(plan) - strlen(plan) - 2);
		strcat(plan, "\n");
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	for (; *words != NULL; words++)
		if (strstr(plan, *words) == NULL)
			fail_msg("\"%s\" is not in the plan of %s:\n%s", *words, seen, plan);
	if (strstr(plan, "SCAN") != NULL)
		fail_msg("all rows are read by %s:\n%s", seen, plan);
}

#define PLAN_HAS(...) plan_has((const char *const[]){ __VA_ARGS__, NULL })

static int
count_user(void *context, const struct listed_user *user)
{
	(void)user;
	++*(int *)context;
	return 0;
}

static void
test_lookups(void **state)
{
	uint32_t gids[SECONDARY_GIDS_MAX];
	struct store_login login;
	size_t count;

	(void)state;
	assert_int_equal(store_find_by_name(store, SERVER, "user00007", &login, &error), 1);
	PLAN_HAS("SEARCH users USING INDEX users_by_name (server_key=? AND user_name=?)");
	assert_int_equal(store_find_by_uid(store, SERVER, 5001, &login, &error), 1);
	PLAN_HAS("SEARCH users USING INDEX users_by_uid (server_key=? AND uid=?)");
	assert_int_equal(store_find_gid(store, SERVER, 7002, &error), 0);
	PLAN_HAS("users_by_gid (server_key=? AND gid=?)", "secondary_gids_by_gid (server_key=? AND gid=?)");
	assert_int_equal(store_secondary_gids(store, SERVER, "user00007", gids, &count, &error), 0);
	PLAN_HAS("SEARCH secondary_gids USING PRIMARY KEY (user_key=?)", "users_by_name (server_key=? AND user_name=?)");
	assert_int_equal(store_find_keys(store, SERVER, "user00007", "ssh-rsa", "AAAA", NULL, NULL, &error), 0);
	PLAN_HAS("SEARCH ssh_keys USING INDEX ssh_keys_by_user (user_key=?)");
}

static void
test_lists(void **state)
{
	int users = 0;

	(void)state;
	assert_int_equal(store_list_users(store, SERVER, "user00100", 10, count_user, &users, &error), 0);
	PLAN_HAS("SEARCH u USING INDEX users_by_name (server_key=? AND user_name>?)");
	assert_int_equal(users, 10);
}

static void
test_tags(void **state)
{
	const struct tag rare = { (char *)"rare", (char *)"y" }, any = { (char *)"rare", NULL },
		common = { (char *)"all", (char *)"x" };
	const struct tag both[] = { common, rare };
	int users = 0;

	(void)state;
	assert_int_equal(store_find_users(store, SERVER, &rare, 1, NULL, 10, count_user, &users, &error), 0);
	PLAN_HAS("SEARCH u USING INTEGER PRIMARY KEY (rowid=?)", "user_tags_by_key (key=? AND value=?)");
	assert_int_equal(users, 3);
	assert_int_equal(store_find_users(store, SERVER, &any, 1, "user00000", 10, count_user, &users, &error), 0);
	PLAN_HAS("SEARCH u USING INTEGER PRIMARY KEY (rowid=?)", "user_tags_by_key (key=?)");
	assert_int_equal(users, 5);
	/* In order of names, no further than the limit. */
	assert_int_equal(store_find_users(store, SERVER, &common, 1, "user00100", 7, count_user, &users, &error), 0);
	PLAN_HAS("users_by_name (server_key=? AND user_name>?)", "SEARCH t USING");
	assert_int_equal(users, 12);
	assert_int_equal(store_find_users(store, SERVER, both, 2, NULL, 10, count_user, &users, &error), 0);
	PLAN_HAS("SEARCH u USING INTEGER PRIMARY KEY (rowid=?)", "user_tags_by_key (key=? AND value=?)");
	assert_int_equal(users, 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tags),
	};

	return cmocka_run_group_tests_name("store queries", tests, set_up, tear_down);
}
