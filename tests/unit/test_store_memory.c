/*
 * A batch whose every allocation fails once, and for good: what is committed is each call that said so, whole, and nothing
 * of the others; and the same store works again as soon as there is memory.
 */
#include "common/store/sqlite/sqlite_store.h"
#include "tests/unit/failing_memory.h"
#include "tests/unit/store_folder.h"

#define ROLE   ((char *)"arn:aws:iam::000000000000:role/access")
#define TRIES  10000

static int
set_up(void **state)
{
	(void)state;
	if (failing_memory() == -1 || folder_make() == -1)
		return -1;
	store_close(with_server());
	return 0;
}

/* One with two tags, the second without its value when `half`: that fails when the rest has been written. */
static int
create(struct store *store, const char *name, bool half)
{
	struct tag tags[] = { { (char *)"a", (char *)"1" }, { (char *)"b", half ? NULL : (char *)"2" } };
	struct user_record user = { .server_id = SERVER, .role = ROLE, .tags = tags, .tag_count = 2 };

	snprintf(user.user_name, sizeof(user.user_name), "%s", name);
	return store_create_user(store, &user, &error);
}

/* Whether the user is there; then it must be whole. */
static bool
there(struct store *store, const char *name)
{
	struct user_record user;
	bool whole;

	if (store_describe_user(store, SERVER, name, &user, &error) == -1) {
		assert_int_equal(error.code, API_NOT_FOUND);
		return false;
	}
	whole = user.tag_count == 2;
	record_free_user(&user);
	assert_true(whole);
	return true;
}

/* Returns whether an allocation failed. */
static bool
one_batch(struct store *store, long at)
{
	bool first = false, last = false, committed = false;
	struct store *reader;

	failed = false;
	countdown = at;
	if (store_begin(store, &error) == 0) {
		first = create(store, "first", false) == 0;
		assert_int_equal(create(store, "half", true), -1);
		last = create(store, "last", false) == 0;
		committed = store_commit(store, &error) == 0;
	}
	countdown = -1;
	reader = opened(STORE_WRITE);
	assert_int_equal(there(reader, "first"), first && committed);
	assert_int_equal(there(reader, "last"), last && committed);
	assert_false(there(reader, "half"));
	store_close(reader);
	assert_int_equal(create(store, "again", false), 0);
	return failed;
}

static void
each_allocation(bool new_connection, bool good)
{
	static const char *const NAMES[] = { "first", "half", "last", "again" };
	struct store *store = opened(STORE_WRITE);
	bool more = true;
	size_t i;
	long at;

	for_good = good;
	for (at = 0; more && at < TRIES; at++) {
		if (new_connection) {
			store_close(store);
			store = opened(STORE_WRITE);
		}
		more = one_batch(store, at);
		for (i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
			store_delete_user(store, SERVER, NAMES[i], &error);
	}
	assert_false(more);
	assert_true(at > 10);
	store_close(store);
}

static void
test_statements_are_prepared(void **state)
{
	(void)state;
	each_allocation(true, false);
	each_allocation(true, true);
}

static void
test_statements_are_there(void **state)
{
	(void)state;
	each_allocation(false, false);
	each_allocation(false, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements_are_prepared),
		cmocka_unit_test(test_statements_are_there),
	};

	return cmocka_run_group_tests(tests, set_up, folder_remove);
}
