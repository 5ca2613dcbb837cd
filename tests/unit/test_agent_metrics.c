/* What the agent counts: quantiles within their error, windows that forget, and names that fit the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/histogram.h"
#include "agent/metrics.h"

#define SECOND INT64_C(1000000000)

static void
assert_near(int64_t found, int64_t wanted)
{
	int64_t off = found > wanted ? found - wanted : wanted - found;

	if (off > wanted / 20)
		fail_msg("%lld is more than 5 %% off %lld", (long long)found, (long long)wanted);
}

static void
one_time_is_every_quantile(void **state)
{
	(void)state;
	for (int64_t time = 1; time < 60 * SECOND; time += 1 + time / 7) {
		struct histogram histogram = { 0 };

		histogram_add(&histogram, time);
		assert_near(histogram_quantile(&histogram, 500), time);
		assert_int_equal(histogram_quantile(&histogram, 1000), time);
	}
}

static int
compare(const void *one, const void *other)
{
	const int64_t *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* Times as a real agent's: most of them short, some longer by orders of magnitude. */
static void
quantiles_of_many_are_near_the_sorted_ones(void **state)
{
	enum { COUNT = 20000 };
	static int64_t times[COUNT];
	static const unsigned thousandths[] = { 1, 100, 500, 900, 990, 999 };
	struct histogram histogram = { 0 };
	uint64_t random = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		times[i] = (int64_t)(5000 + random % 20000) << (random % 97 == 0 ? 15 : random % 3);
		histogram_add(&histogram, times[i]);
	}
	qsort(times, COUNT, sizeof(times[0]), compare);
	for (size_t i = 0; i < sizeof(thousandths) / sizeof(thousandths[0]); i++)
		assert_near(histogram_quantile(&histogram, thousandths[i]), times[COUNT / 1000 * thousandths[i] - 1]);
	assert_int_equal(histogram_quantile(&histogram, 1000), times[COUNT - 1]);
}

static void
nothing_has_no_quantile(void **state)
{
	struct histogram histogram = { 0 };

	(void)state;
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	assert_int_equal(histogram_quantile(&histogram, 1000), 0);
}

/* A clock that was set back in between, and a lookup that took a day. */
static void
impossible_times_are_taken(void **state)
{
	struct histogram histogram = { 0 };

	(void)state;
	histogram_add(&histogram, -5);
	histogram_add(&histogram, INT64_MIN);
	assert_int_equal(histogram_quantile(&histogram, 1000), 0);
	histogram_add(&histogram, 86400 * SECOND);
	histogram_add(&histogram, INT64_MAX);
	assert_int_equal(histogram.count, 4);
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	assert_int_equal(histogram_quantile(&histogram, 1000), INT64_MAX);
}

static void
a_window_forgets(void **state)
{
	struct histogram_window window = { 0 };
	struct histogram histogram;
	int64_t begin = 1000 * SECOND;

	(void)state;
	histogram_window_add(&window, begin, 70);
	histogram_window_add(&window, begin + (WINDOW_SECONDS - 1) * SECOND, 80);
	histogram_window_read(&window, begin + (WINDOW_SECONDS + 1) * SECOND, &histogram);
	assert_int_equal(histogram.count, 2);
	histogram_window_add(&window, begin + (WINDOW_SECONDS + 2) * SECOND, 90);
	histogram_window_read(&window, begin + (WINDOW_SECONDS + 3) * SECOND, &histogram);
	assert_int_equal(histogram.count, 3);
	assert_int_equal(histogram_quantile(&histogram, 1000), 90);
	histogram_window_read(&window, begin + (2 * WINDOW_SECONDS + 2) * SECOND, &histogram);
	assert_int_equal(histogram.count, 1);
	histogram_window_add(&window, begin + (2 * WINDOW_SECONDS + 3) * SECOND, 90);
	histogram_window_read(&window, begin + 9 * WINDOW_SECONDS * SECOND, &histogram);
	assert_int_equal(histogram.count, 0);
}

struct reading {
	uint8_t bytes[WIRE_STATUS_LENGTH_MAX];
	size_t length;
	uint32_t count;
};

static void
read_metrics(struct reading *reading)
{
	struct wire_out out;

	wire_out_init(&out, reading->bytes, sizeof(reading->bytes));
	reading->count = metrics_put(&out);
	assert_false(out.overflow);
	reading->length = out.used;
}

static uint64_t
value_of(const struct reading *reading, const char *wanted)
{
	char name[STATUS_NAME_MAX + 1];
	struct wire_in in;
	uint64_t value, found = UINT64_MAX;

	wire_in_init(&in, reading->bytes, reading->length);
	for (uint32_t i = 0; i < reading->count; i++) {
		wire_get_string(&in, name, STATUS_NAME_MAX);
		value = wire_get_u64(&in);
		if (strcmp(name, wanted) == 0) {
			assert_int_equal(found, UINT64_MAX); /* each name once */
			found = value;
		}
	}
	assert_true(wire_in_done(&in));
	assert_int_not_equal(found, UINT64_MAX);
	return found;
}

static void
requests_are_counted_by_what_became_of_them(void **state)
{
	static const struct {
		struct metrics_request request;
		enum wire_status status;
	} asked[] = {
		{ { .verb = WIRE_PASSWD_BY_NAME }, WIRE_OK },
		{ { .verb = WIRE_PASSWD_BY_NAME }, WIRE_NOT_FOUND },
		{ { .verb = WIRE_PASSWD_BY_NAME, .waited = true }, WIRE_OK },
		{ { .verb = WIRE_SESSION, .stale = true }, WIRE_OK },
		{ { .verb = WIRE_SESSION, .waited = true, .stale = true }, WIRE_REFUSED },
		{ { .verb = WIRE_KEYS }, WIRE_UNAVAILABLE },
		{ { .verb = WIRE_KEYS }, WIRE_DENIED },
		{ { .verb = WIRE_EVENTS }, WIRE_OK },
		{ { .verb = 0 }, WIRE_BUSY },
		{ { .verb = 4711 }, WIRE_BAD_REQUEST },
	};
	static const struct {
		const char *name;
		uint64_t value;
	} wanted[] = {
		{ "lookups", 6 }, { "hits", 2 }, { "waited", 2 }, { "stale", 2 },
		{ "latency_count", 4 }, { "waited_count", 2 },
		{ "requests_passwd_by_name", 3 }, { "requests_session", 2 }, { "requests_keys", 2 },
		{ "requests_events", 1 }, { "requests_other", 2 }, { "requests_status", 0 },
		{ "answers_ok", 4 }, { "answers_not_found", 1 }, { "answers_refused", 1 }, { "answers_unavailable", 1 },
		{ "answers_denied", 1 }, { "answers_busy", 1 }, { "answers_bad", 1 },
	};
	struct reading reading;

	(void)state;
	metrics_start();
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		metrics_answered(&asked[i].request, asked[i].status);
	read_metrics(&reading);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (value_of(&reading, wanted[i].name) != wanted[i].value)
			fail_msg("%s is %llu", wanted[i].name, (unsigned long long)value_of(&reading, wanted[i].name));
}

static void
everything_fits_a_status(void **state)
{
	struct reading reading;

	(void)state;
	read_metrics(&reading);
	assert_in_range(reading.count, 1, STATUS_METRICS_MAX - 16); /* what status.c adds has room yet */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_time_is_every_quantile),
		cmocka_unit_test(quantiles_of_many_are_near_the_sorted_ones),
		cmocka_unit_test(nothing_has_no_quantile),
		cmocka_unit_test(impossible_times_are_taken),
		cmocka_unit_test(a_window_forgets),
		cmocka_unit_test(requests_are_counted_by_what_became_of_them),
		cmocka_unit_test(everything_fits_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
