/* Counts, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "api_server/metrics.h"
#include "common/model/operations.h"

#define THREADS 4
#define CALLS   20000

static const struct metrics_now now = { .connections = 1, .requests = 2, .writes = 3, .commits = 4, .audit_lost = 5,
	.timed_out = 6 };

static int
set_up(void **state)
{
	*state = metrics_new();
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	metrics_free(*state);
	return 0;
}

static char *
text_of(struct metrics *metrics)
{
	size_t length;
	char *text = metrics_text(metrics, &now, &length);

	assert_non_null(text);
	assert_int_equal(strlen(text), length);
	assert_int_equal(text[length - 1], '\n');
	return text;
}

/* The value of the line that begins with this, up to the blank. */
static const char *
value_of(const char *text, const char *series)
{
	static char value[64];
	const char *at = text;

	while ((at = strstr(at, series)) != NULL && ((at > text && at[-1] != '\n') || at[strlen(series)] != ' '))
		at++;
	if (at == NULL)
		return NULL;
	assert_int_equal(sscanf(at + strlen(series), " %63[^\n]", value), 1);
	return value;
}

static void
has(const char *text, const char *series, const char *expected)
{
	const char *value = value_of(text, series);

	if (value == NULL || strcmp(value, expected) != 0)
		fail_msg("%s: %s, not %s, in\n%s", series, value == NULL ? "missing" : value, expected, text);
}

static void
test_calls_by_result(void **state)
{
	char *text;

	metrics_call(*state, operation_number("CreateUser"), API_OK, 10);
	metrics_call(*state, operation_number("CreateUser"), API_OK, 10);
	metrics_call(*state, operation_number("CreateUser"), API_EXISTS, 10);
	metrics_call(*state, -1, API_INVALID_SIGNATURE, 10);
	metrics_call(*state, OPERATION_COUNT, API_MISSING_TOKEN, 10);
	metrics_call(*state, 0, API_CODE_COUNT, 10);
	text = text_of(*state);
	has(text, "berth_api_requests_total{operation=\"CreateUser\",result=\"ok\"}", "2");
	has(text, "berth_api_requests_total{operation=\"CreateUser\",result=\"ResourceExistsException\"}", "1");
	has(text, "berth_api_requests_total{operation=\"unknown\",result=\"InvalidSignatureException\"}", "1");
	has(text, "berth_api_requests_total{operation=\"unknown\",result=\"MissingAuthenticationTokenException\"}", "1");
	has(text, "berth_api_requests_total{operation=\"CreateServer\",result=\"InternalServiceError\"}", "1");
	/* A series that begins with its first increase would hide that one from rate(). */
	has(text, "berth_api_requests_total{operation=\"DeleteUser\",result=\"ok\"}", "0");
	free(text);
}

static void
test_seconds(void **state)
{
	char *text;

	metrics_call(*state, operation_number("UpdateUser"), API_OK, 1000);
	metrics_call(*state, operation_number("DeleteUser"), API_OK, 1001);
	metrics_call(*state, operation_number("DeleteUser"), API_OK, 60000000);
	metrics_call(*state, operation_number("DescribeUser"), API_OK, 1);
	metrics_call(*state, operation_number("DescribeUser"), API_OK, -5);
	text = text_of(*state);
	has(text, "berth_api_request_seconds_bucket{kind=\"write\",le=\"0.0005\"}", "0");
	has(text, "berth_api_request_seconds_bucket{kind=\"write\",le=\"0.001\"}", "1");
	has(text, "berth_api_request_seconds_bucket{kind=\"write\",le=\"0.005\"}", "2");
	has(text, "berth_api_request_seconds_bucket{kind=\"write\",le=\"10\"}", "2");
	has(text, "berth_api_request_seconds_bucket{kind=\"write\",le=\"+Inf\"}", "3");
	has(text, "berth_api_request_seconds_count{kind=\"write\"}", "3");
	has(text, "berth_api_request_seconds_sum{kind=\"write\"}", "60.002001");
	has(text, "berth_api_request_seconds_sum{kind=\"read\"}", "0.000001");
	has(text, "berth_api_request_seconds_count{kind=\"read\"}", "2");
	has(text, "berth_api_request_seconds_count{kind=\"unknown\"}", "0");
	free(text);
}

static void
test_known_elsewhere(void **state)
{
	char *text = text_of(*state);

	has(text, "berth_api_connections", "1");
	has(text, "berth_api_requests_in_progress", "2");
	has(text, "berth_api_writes_total", "3");
	has(text, "berth_api_commits_total", "4");
	has(text, "berth_api_audit_lines_lost_total", "5");
	has(text, "berth_api_connections_timed_out_total", "6");
	has(text, "berth_build_info{version=\"" BERTH_VERSION "\"}", "1");
	free(text);
}

/* One HELP and one TYPE before each family's samples, which stand together. */
static void
test_families(void **state)
{
	char *text = text_of(*state), *line, *rest = text, family[64] = "", name[64];

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		if (sscanf(line, "# HELP %63s", name) == 1) {
			assert_string_not_equal(name, family);
			strcpy(family, name);
			line = strsep(&rest, "\n");
			assert_non_null(line);
			assert_int_equal(sscanf(line, "# TYPE %63s", name), 1);
			assert_string_equal(name, family);
			continue;
		}
		assert_memory_equal(line, family, strlen(family));
	}
	free(text);
}

static void *
count(void *metrics)
{
	for (int i = 0; i < CALLS; i++)
		metrics_call(metrics, operation_number("DescribeUser"), API_OK, 2);
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[THREADS];
	char *text;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, *state), 0);
	free(text_of(*state));
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	text = text_of(*state);
	has(text, "berth_api_requests_total{operation=\"DescribeUser\",result=\"ok\"}", "80000");
	has(text, "berth_api_request_seconds_count{kind=\"read\"}", "80000");
	has(text, "berth_api_request_seconds_sum{kind=\"read\"}", "0.160000");
	free(text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls_by_result),
		TEST(test_seconds),
		TEST(test_known_elsewhere),
		TEST(test_families),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
