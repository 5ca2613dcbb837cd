/*
 * Every allocation of the library fails once, and for good: a record is kept whole or not at all, what was cached stays what
 * it was, and nothing is made anew for it; and the same cache works again as soon as there is memory.
 */
#include "tests/unit/cache_folder.h"
#include "tests/unit/failing_memory.h"

#define TRIES 20000

static int
set_up(void **state)
{
	return failing_memory() == -1 ? -1 : cache_folder_make(state);
}

/* An error of the host's, and none that says that the file is to be thrown away. */
static void
refused(void)
{
	if (error.code != API_UNAVAILABLE)
		fail_msg("%s: %s", api_error_name(error.code), error.message);
}

/* A new handle, what is asked and written by it, and the end of it, with the allocation of this number failing. Returns the
 * uid that it has acknowledged, or 0. */
static uint32_t
use(long number, uint32_t uid)
{
	struct cache *cache = NULL;
	struct cache_asked asked;
	enum cache_state look;
	uint32_t done = 0;
	bool found;

	countdown = number;
	failed = false;
	if (cache_open(&options, true, &cache, &error) == -1 || cache_asking(cache, &asked, &error) == -1 ||
	    cache_look(cache, "alice", &look, &error) == -1)
		refused();
	else if (put_asked(cache, &asked, "alice", uid) == -1)
		refused();
	else
		done = uid;
	if (done != 0 && (cache_remove(cache, "carol", &error) == -1 || cache_purge(cache, &error) == -1 ||
	    cache_drop(cache, "dave", &found, &error) == -1))
		refused();
	countdown = -1;
	cache_close(cache);
	return done;
}

static void
try_all(bool good, struct cache *reader)
{
	uint32_t last = uid_of(reader, "alice"), done, there;
	long number;

	for_good = good;
	for (number = 0; number < TRIES; number += good ? 3 : 1) {
		done = use(number, 6000 + (uint32_t)(number % 1000));
		there = uid_of(reader, "alice");
		if (done != 0 ? there != done : there != last && there != 6000 + (uint32_t)(number % 1000))
			fail_msg("allocation %ld: uid %u", number, there);
		last = there;
		if (cache_moved(reader))
			fail_msg("allocation %ld: the file was made anew", number);
		assert_int_equal(uid_of(reader, "bobby"), 5002);
		if (!failed)
			break;
	}
	print_message("%ld allocations\n", number);
	assert_in_range(number, 50, TRIES - 1);
}

static void
test_no_memory(void **state)
{
	struct cache *writer = cache_opened(true), *reader;

	(void)state;
	put_server(writer, true);
	put(writer, "alice", 5001);
	put(writer, "bobby", 5002);
	reader = cache_opened(false);
	try_all(false, reader);
	try_all(true, reader);
	/* Without a file there is one afterwards, or none. */
	cache_close(reader);
	cache_close(writer);
	for (long number = 0; number == 0 || failed; number++) {
		unlink(cache_path);
		for_good = number % 2 == 0;
		use(number, 5001);
		if (access(cache_path, F_OK) == 0)
			cache_close(cache_opened(false));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_memory, set_up, folder_remove),
	};

	return cmocka_run_group_tests_name("cache memory", tests, NULL, NULL);
}
