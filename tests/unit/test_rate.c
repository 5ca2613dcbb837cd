/* How often a key may call, at times that the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>

#include "api_server/rate.h"

#define KEY   "BRTHAAAAAAAAAAAAAAAA"
#define OTHER "BRTHBBBBBBBBBBBBBBBB"

static int
set_up(void **state)
{
	*state = rate_new();
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	rate_free(*state);
	return 0;
}

/* How many of `asked` are let through at this moment. */
static unsigned
let_through(struct rate *rate, const char *key, unsigned per_second, int64_t now, unsigned asked)
{
	unsigned through = 0, wait;

	while (asked-- > 0) {
		wait = rate_take(rate, key, per_second, now);
		assert_in_range(wait, 0, 60);
		through += wait == 0;
	}
	return through;
}

static void
test_burst_then_rate(void **state)
{
	unsigned through = 0;

	assert_int_equal(let_through(*state, KEY, 10, 1000, 100), 20);
	for (int64_t now = 1001; now <= 11000; now++)
		through += let_through(*state, KEY, 10, now, 1);
	assert_int_equal(through, 100);
	/* What isn't used for long is no more than a full bucket. */
	assert_int_equal(let_through(*state, KEY, 10, 1000000, 100), 20);
}

static void
test_worth_trying_then(void **state)
{
	unsigned wait;

	for (unsigned per_second = 1; per_second <= 1000; per_second *= 10) {
		int64_t now = 1000000 * (int64_t)per_second;

		let_through(*state, KEY, per_second, now, 2 * per_second);
		wait = rate_take(*state, KEY, per_second, now);
		assert_in_range(wait, 1, 2);
		assert_int_equal(rate_take(*state, KEY, per_second, now + (int64_t)wait * 1000), 0);
	}
}

static void
test_none_is_no_limit(void **state)
{
	assert_int_equal(let_through(*state, KEY, 0, 1000, 100000), 100000);
}

static void
test_each_its_own(void **state)
{
	assert_int_equal(let_through(*state, KEY, 5, 1000, 100), 10);
	assert_int_equal(let_through(*state, OTHER, 5, 1000, 100), 10);
}

static void
test_limit_changed(void **state)
{
	assert_int_equal(let_through(*state, KEY, 1000, 1000, 1), 1);
	assert_int_equal(let_through(*state, KEY, 5, 1000, 100), 10);
	assert_int_equal(let_through(*state, KEY, 5, 2000, 100), 5);
	assert_int_equal(let_through(*state, KEY, 100, 3000, 1000), 5); /* what has come in until now */
	assert_int_equal(let_through(*state, KEY, 100, 4000, 1000), 100);
}

/* A thread that was held up between the clock and here. */
static void
test_clock_of_before(void **state)
{
	assert_int_equal(let_through(*state, KEY, 5, 10000, 100), 10);
	assert_int_equal(let_through(*state, KEY, 5, 9000, 100), 0);
	assert_int_equal(let_through(*state, KEY, 5, 10000, 100), 0);
	assert_int_equal(let_through(*state, OTHER, UINT32_MAX, INT64_MAX / 2, 1000), 1000);
}

/* Keys come and go; what is kept of them doesn't grow. */
static void
test_keys_forgotten(void **state)
{
	size_t before = 0;
	char key[32];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10000; i++) {
			snprintf(key, sizeof(key), "BRTH%08d%08d", round, i);
			assert_int_equal(rate_take(*state, key, 100, 10000 * (int64_t)round), 0);
		}
		if (round == 1)
			before = mallinfo2().uordblks;
	}
	assert_in_range(mallinfo2().uordblks, 0, before + before / 10);
}

static void *
ask(void *rate)
{
	return (void *)(uintptr_t)let_through(rate, KEY, 1000, 5000, 2000);
}

static void
test_threads(void **state)
{
	pthread_t threads[4];
	uintptr_t through = 0;
	void *mine;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, *state), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &mine), 0);
		through += (uintptr_t)mine;
	}
	assert_int_equal(through, 2000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_burst_then_rate),
		TEST(test_worth_trying_then),
		TEST(test_none_is_no_limit),
		TEST(test_each_its_own),
		TEST(test_limit_changed),
		TEST(test_clock_of_before),
		TEST(test_keys_forgotten),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
