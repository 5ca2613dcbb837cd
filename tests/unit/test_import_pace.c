/* How fast a service is asked by an import: halved by a refusal, grown back by answers, and stopped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "admin_cmd/import/import_pace.h"
#include "common/wire/deadline.h"

#define MOST 8

static void
enter(struct import_pace *pace, uint64_t *tickets, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		assert_true(import_pace_enter(pace, &tickets[i]));
}

static void
test_refusals_of_one_moment_count_once(void **state)
{
	uint64_t tickets[MOST];
	struct import_pace pace;
	unsigned i;

	(void)state;
	assert_int_equal(import_pace_start(&pace, MOST), 0);
	enter(&pace, tickets, MOST);
	for (i = 0; i < MOST; i++)
		import_pace_leave(&pace, tickets[i], PACE_THROTTLED, 0);
	assert_true(pace.at_once == MOST / 2);
	assert_true(import_pace_waits(&pace));
	import_pace_free(&pace);
}

static void
test_the_longest_wait_counts(void **state)
{
	uint64_t tickets[2];
	struct import_pace pace;
	int left;

	(void)state;
	assert_int_equal(import_pace_start(&pace, MOST), 0);
	enter(&pace, tickets, 2);
	import_pace_leave(&pace, tickets[0], PACE_THROTTLED, 30);
	import_pace_leave(&pace, tickets[1], PACE_THROTTLED, 1);
	left = deadline_left(pace.resume);
	assert_in_range(left, 29000, 38000);
	import_pace_free(&pace);
}

static void
test_answers_let_it_grow_back(void **state)
{
	struct import_pace pace;
	uint64_t ticket;
	unsigned i;

	(void)state;
	assert_int_equal(import_pace_start(&pace, MOST), 0);
	pace.at_once = 1;
	pace.backoff_ms = 5000;
	for (i = 0; i < 40; i++) {
		assert_true(import_pace_enter(&pace, &ticket));
		import_pace_leave(&pace, ticket, PACE_ANSWERED, 0);
		if (i == 3)
			assert_in_range((unsigned)pace.at_once, 2, 4);
	}
	assert_true(pace.at_once == MOST);
	assert_true(pace.backoff_ms < 5000);
	import_pace_free(&pace);
}

static void
test_it_never_comes_to_a_stop_by_itself(void **state)
{
	struct import_pace pace;
	uint64_t ticket;
	unsigned i;

	(void)state;
	assert_int_equal(import_pace_start(&pace, MOST), 0);
	for (i = 0; i < 100; i++) {
		pace.resume = 0;
		assert_true(import_pace_enter(&pace, &ticket));
		import_pace_leave(&pace, ticket, PACE_THROTTLED, UINT32_MAX);
	}
	assert_true(pace.at_once == 1);
	assert_true(deadline_left(pace.resume) > 0);
	import_pace_free(&pace);
}

static void
test_whoever_waits_is_sent_away(void **state)
{
	struct import_pace pace;
	uint64_t ticket;

	(void)state;
	assert_int_equal(import_pace_start(&pace, 1), 0);
	assert_true(import_pace_enter(&pace, &ticket));
	import_pace_leave(&pace, ticket, PACE_THROTTLED, 3600);
	import_pace_stop(&pace);
	assert_false(import_pace_enter(&pace, &ticket));
	import_pace_free(&pace);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals_of_one_moment_count_once),
		cmocka_unit_test(test_the_longest_wait_counts),
		cmocka_unit_test(test_answers_let_it_grow_back),
		cmocka_unit_test(test_it_never_comes_to_a_stop_by_itself),
		cmocka_unit_test(test_whoever_waits_is_sent_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
