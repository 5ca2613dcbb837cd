/* A store kept elsewhere: when it is asked, and what is remembered of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/remote/breaker.h"
#include "agent/remote/outdated.h"
#include "agent/remote/remembered.h"

#define LONGEST 10000

/* fail: at `now`; returns how long nobody asks. */
static int64_t
fail_at(struct breaker *breaker, int64_t now, unsigned random)
{
	breaker_failed(breaker, now, 0, random);
	assert_int_equal(breaker->state, BREAKER_DOWN);
	return breaker->until - now;
}

static void
pauses_double_up_to_the_longest(void **state)
{
	static const int64_t pauses[] = { 1000, 2000, 4000, 8000, LONGEST, LONGEST };
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, LONGEST);
	assert_int_equal(breaker.state, BREAKER_UP);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(fail_at(&breaker, 500, 0), pauses[i]);
		breaker_probe(&breaker);
		assert_int_equal(breaker.state, BREAKER_PROBING);
	}
	assert_true(breaker_succeeded(&breaker));
	assert_false(breaker_succeeded(&breaker));
	assert_int_equal(fail_at(&breaker, 500, 0), 1000);
}

static void
a_pause_has_jitter_and_never_gets_longer_by_it(void **state)
{
	int64_t pause, least = INT64_MAX, most = 0;
	struct breaker breaker;

	(void)state;
	for (unsigned random = 0; random < 5000; random += 7) {
		breaker_init(&breaker, LONGEST);
		pause = fail_at(&breaker, 0, random);
		least = pause < least ? pause : least;
		most = pause > most ? pause : most;
	}
	assert_in_range(least, 750, 760);
	assert_int_equal(most, 1000);
}

static void
a_short_longest_pause_counts_from_the_first(void **state)
{
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, 500);
	assert_int_equal(fail_at(&breaker, 0, 0), 500);
	breaker_probe(&breaker);
	assert_int_equal(fail_at(&breaker, 0, 0), 500);
}

static void
failures_while_it_is_down_change_nothing(void **state)
{
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, LONGEST);
	for (int64_t now = 0; now < 100; now++)
		breaker_failed(&breaker, now, 0, 0);
	assert_int_equal(breaker.until, 1000);
	breaker_probe(&breaker);
	assert_int_equal(fail_at(&breaker, 0, 0), 2000);
}

static void
a_pause_that_was_asked_for_is_kept(void **state)
{
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, LONGEST);
	breaker_failed(&breaker, 0, 30, 0);
	assert_int_equal(breaker.until, 30000);
	breaker_failed(&breaker, 1000, 5, 0);
	assert_int_equal(breaker.until, 30000);
	breaker_failed(&breaker, 1000, 40, 0);
	assert_int_equal(breaker.until, 41000);
	/* But not for ever. */
	breaker_init(&breaker, LONGEST);
	breaker_failed(&breaker, 0, 4000000000u, 0);
	assert_int_equal(breaker.until, 60000);
}

static void
names_are_remembered_for_their_time(void **state)
{
	struct remembered *remembered = calloc(1, sizeof(*remembered));

	(void)state;
	assert_non_null(remembered);
	assert_int_equal(remembered_get(remembered, "alice", 0), REMEMBERED_NOTHING);
	remembered_put(remembered, "alice", REMEMBERED_MISSING, 1000);
	remembered_put(remembered, "anna", REMEMBERED_FAILED, 2000);
	assert_int_equal(remembered_get(remembered, "alice", 999), REMEMBERED_MISSING);
	assert_int_equal(remembered_get(remembered, "alice", 1000), REMEMBERED_NOTHING);
	assert_int_equal(remembered_get(remembered, "anna", 1000), REMEMBERED_FAILED);
	remembered_forget(remembered, "anna");
	assert_int_equal(remembered_get(remembered, "anna", 1000), REMEMBERED_NOTHING);
	remembered_put(remembered, "alice", REMEMBERED_MISSING, 1000);
	remembered_forget_all(remembered);
	assert_int_equal(remembered_get(remembered, "alice", 0), REMEMBERED_NOTHING);
	free(remembered);
}

/* A flood pushes names out, and never makes one name another's. */
static void
a_flood_of_names_is_bounded(void **state)
{
	struct remembered *remembered = calloc(1, sizeof(*remembered));
	unsigned kept = 0;
	char name[32];

	(void)state;
	assert_non_null(remembered);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "guess%u", i);
		remembered_put(remembered, name, REMEMBERED_MISSING, 1000);
		snprintf(name, sizeof(name), "user%u", i);
		assert_int_equal(remembered_get(remembered, name, 0), REMEMBERED_NOTHING);
	}
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "guess%u", i);
		kept += remembered_get(remembered, name, 0) == REMEMBERED_MISSING;
	}
	assert_in_range(kept, REMEMBERED_NAMES / 2, REMEMBERED_NAMES);
	free(remembered);
}

static void
outdated_names_are_trusted_no_more(void **state)
{
	struct outdated outdated = { 0 };
	char name[32];

	(void)state;
	assert_false(outdated_has(&outdated, "alice", 1));
	for (unsigned i = 0; i < OUTDATED_NAMES; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		outdated_add(&outdated, name, 1000);
		outdated_add(&outdated, name, 1000);
		assert_true(outdated_has(&outdated, name, 1));
	}
	assert_false(outdated_has(&outdated, "alice", 1));
	outdated_remove(&outdated, "alice");
	outdated_remove(&outdated, "user3");
	assert_false(outdated_has(&outdated, "user3", 1));
	assert_true(outdated_has(&outdated, "user63", 1));
	outdated_add(&outdated, "user3", 1000);
	/* Who has no room any more isn't told from the others that were fetched before. */
	outdated_add(&outdated, "one-too-many", 5000);
	assert_true(outdated_has(&outdated, "alice", 4999));
	assert_false(outdated_has(&outdated, "alice", 5000));
	assert_true(outdated_has(&outdated, "user3", 6000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_up_to_the_longest),
		cmocka_unit_test(a_pause_has_jitter_and_never_gets_longer_by_it),
		cmocka_unit_test(a_short_longest_pause_counts_from_the_first),
		cmocka_unit_test(failures_while_it_is_down_change_nothing),
		cmocka_unit_test(a_pause_that_was_asked_for_is_kept),
		cmocka_unit_test(names_are_remembered_for_their_time),
		cmocka_unit_test(a_flood_of_names_is_bounded),
		cmocka_unit_test(outdated_names_are_trusted_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
