/* What berth-api judges without a socket: where a request ends, which connection is overdue, how much bodies may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_server/answer.h"
#include "api_server/body.h"
#include "api_server/connection.h"
#include "api_server/framing.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct api_error error;

struct framing_case {
	const char *version;
	struct sigv4_header headers[3];
	bool certain, chunked;
	uint64_t length;
};

static void
test_framing(void **state)
{
	static const struct framing_case CASES[] = {
		{ "HTTP/1.1", { { "Host", "a" } }, true, false, 0 },
		{ "HTTP/1.1", { { "content-LENGTH", "17" } }, true, false, 17 },
		{ "HTTP/1.0", { { "Content-Length", "0017" } }, true, false, 17 },
		{ "HTTP/1.1", { { "Transfer-Encoding", "CHUNKED" } }, true, true, 0 },
		{ "HTTP/1.0", { { "Transfer-Encoding", "chunked" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Transfer-Encoding", "gzip, chunked" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Transfer-Encoding", "chunked" }, { "Content-Length", "0" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "1" }, { "Transfer-Encoding", "chunked" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "1" }, { "Content-Length", "1" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "1, 1" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "-1" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length", "99999999999999999999" } }, false, false, 0 },
		{ "HTTP/1.1", { { "Content-Length ", "1" } }, false, false, 0 },
		{ "HTTP/1.1", { { "", "1" } }, false, false, 0 },
		{ "HTTP/1.1", { { "a\xc3\xa4", "1" } }, false, false, 0 },
	};
	struct framing framing;

	(void)state;
	for (size_t i = 0; i < LENGTH(CASES); i++) {
		const struct framing_case *c = &CASES[i];
		size_t count = 0;

		while (count < LENGTH(c->headers) && c->headers[count].name != NULL)
			count++;
		memset(&error, 0, sizeof(error));
		if ((framing_read(c->headers, count, c->version, &framing, &error) == 0) != c->certain)
			fail_msg("case %zu: %s", i, error.message);
		assert_int_equal(error.code, c->certain ? API_OK : API_SERIALIZATION);
		if (c->certain && (framing.chunked != c->chunked || framing.length != c->length))
			fail_msg("case %zu: chunked %d, length %ju", i, framing.chunked, (uintmax_t)framing.length);
	}
}

static void
test_expect(void **state)
{
	static const struct sigv4_header WAITS = { "expect", "100-Continue" }, ELSE = { "Expect", "200-ok" };
	struct framing framing;

	(void)state;
	assert_int_equal(framing_read(&WAITS, 1, "HTTP/1.1", &framing, &error), 0);
	assert_true(framing.waits);
	assert_int_equal(framing_read(&ELSE, 1, "HTTP/1.1", &framing, &error), 0);
	assert_false(framing.waits);
}

static void
test_overdue(void **state)
{
	static const enum connection_state STATES[] = { CONNECTION_NEW, CONNECTION_IDLE, CONNECTION_REQUEST };
	struct connection connection = { .since = 1000 };

	(void)state;
	for (size_t i = 0; i < LENGTH(STATES); i++) {
		connection.state = STATES[i];
		connection.known = false;
		assert_false(connection_overdue(&connection, 50, 100, 1000 + 59999));
		assert_true(connection_overdue(&connection, 50, 100, 1000 + 60000));
		assert_false(connection_overdue(&connection, 51, 100, 1000 + 9999));
		assert_true(connection_overdue(&connection, 51, 100, 1000 + 10000));
		assert_false(connection_overdue(&connection, 100, 100, 1000 + 1999));
		assert_true(connection_overdue(&connection, 100, 100, 1000 + 2000));
		connection.known = true;
		assert_false(connection_overdue(&connection, 100, 100, 1000 + 9999));
	}
	connection.state = CONNECTION_CALL;
	assert_false(connection_overdue(&connection, 100, 100, INT64_MAX));
}

/* What is read into a body is what is hashed, and what it took of all bodies' memory is free again. */
static void
test_body(void **state)
{
	static const unsigned char ABC[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	struct body_total total = { 0 };
	unsigned char hash[SIGV4_HASH];
	struct body body = { 0 };

	(void)state;
	assert_int_equal(body_begin(&body, &total, &error), 0);
	assert_int_equal(body_append(&body, "a", 1, &error), 0);
	assert_int_equal(body_append(&body, "bc", 2, &error), 0);
	body_hash(&body, hash);
	assert_memory_equal(hash, ABC, sizeof(ABC));
	assert_memory_equal(body.text, "abc", 3);
	assert_int_equal(body.length, 3);
	assert_int_equal(total.bytes, 0);
	body_release(&body);
	body_release(&body);
}

static void
test_bodies_share_a_bound(void **state)
{
	struct body bodies[5] = { 0 };
	struct body_total total = { 0 };
	char *mebibyte = calloc(1, 1 << 20);
	size_t taken = 0;

	(void)state;
	assert_non_null(mebibyte);
	for (size_t i = 0; i < LENGTH(bodies); i++) {
		int result = body_begin(&bodies[i], &total, &error);

		for (int n = 0; n < 16 && result == 0; n++)
			result = body_append(&bodies[i], mebibyte, 1 << 20, &error);
		taken += result == 0;
		assert_true(result == 0 || error.code == API_UNAVAILABLE);
		assert_true(total.bytes <= BODY_TOTAL_MAX);
	}
	assert_int_equal(taken, 4);
	assert_int_equal(body_append(&bodies[0], "x", 1, &error), -1);
	assert_int_equal(error.code, API_SERIALIZATION);
	for (size_t i = 0; i < LENGTH(bodies); i++)
		body_forget(&bodies[i]);
	assert_false(body_total_reserve(&total, 0, BODY_MAX));
	assert_true(body_total_reserve(&total, 0, BODY_SMALL));
	total.bytes += BODY_TOTAL_MAX; /* as while another thread finds that there is no room for its own */
	assert_true(body_total_reserve(&total, 0, BODY_SMALL));
	total.bytes -= BODY_TOTAL_MAX;
	for (size_t i = 0; i < LENGTH(bodies); i++)
		body_release(&bodies[i]);
	assert_int_equal(total.bytes, 0);
	assert_true(body_total_reserve(&total, BODY_SMALL, BODY_MAX));
	body_total_release(&total, BODY_MAX);
	assert_int_equal(total.bytes, 0);
	free(mebibyte);
}

static void
test_ids(void **state)
{
	char one[ANSWER_ID_LENGTH + 1], other[ANSWER_ID_LENGTH + 1];

	(void)state;
	answer_make_id(one);
	answer_make_id(other);
	assert_int_equal(strlen(one), ANSWER_ID_LENGTH);
	assert_int_equal(strspn(one, "0123456789abcdef-"), ANSWER_ID_LENGTH);
	assert_true(one[8] == '-' && one[13] == '-' && one[14] == '4' && one[18] == '-' && one[23] == '-');
	assert_string_not_equal(one, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_overdue),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_bodies_share_a_bound),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests_name("http_parts", tests, NULL, NULL);
}
