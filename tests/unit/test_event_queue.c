/* The helper's queue: pieces, acknowledgements, growth, and what happens when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session_helper/event_queue.h"

static struct event
an_event(const char *path)
{
	return (struct event){
		.time = 1, .operation = EVENT_LIST, .status = "ok", .path = path, .new_path = "", .target = "",
		.new_target = "", .text = "",
	};
}

static void
a_queue_sent_in_pieces(void **state)
{
	struct event_queue queue;
	struct event event = an_event("/a");
	struct iovec parts[4];
	uint8_t whole[4096], again[4096];
	size_t length = 0, used = 0, size;

	(void)state;
	event_queue_init(&queue, EVENT_QUEUE_MAX);
	assert_true(event_queue_oldest(&queue) == INT64_MAX);
	assert_int_equal(event_queue_unsent(&queue, parts, 4), 0);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(event_queue_add(&queue, &event, i * 10), i);
	assert_int_equal(event_queue_unsent(&queue, parts, 2), 2);
	assert_int_equal(event_queue_unsent(&queue, parts, 4), 3);
	for (int i = 0; i < 3; i++) {
		memcpy(whole + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
	}
	size = parts[0].iov_len;
	assert_false(event_queue_acknowledge(&queue, 1));
	while (event_queue_unsent(&queue, parts, 1) == 1) { /* a byte at a time */
		again[used++] = *(uint8_t *)parts[0].iov_base;
		event_queue_sent(&queue, 1);
		assert_true(event_queue_acknowledge(&queue, 0));
		assert_int_equal(used >= size, event_queue_acknowledge(&queue, 1));
	}
	assert_int_equal(used, length);
	assert_memory_equal(again, whole, length);
	assert_true(event_queue_oldest(&queue) == 20 && event_queue_left(&queue) == 2);
	assert_false(event_queue_acknowledge(&queue, 4));
	assert_false(event_queue_restart(&queue, 4));
	assert_true(event_queue_restart(&queue, 0));
	assert_int_equal(event_queue_unsent(&queue, parts, 4), 2);
	assert_memory_equal(parts[0].iov_base, whole + size, size);
	assert_false(event_queue_acknowledge(&queue, 2)); /* on this connection it wasn't sent yet */
	event_queue_sent(&queue, size + 1);
	assert_true(event_queue_acknowledge(&queue, 2));
	assert_false(event_queue_acknowledge(&queue, 3));
	assert_true(event_queue_restart(&queue, 0)); /* what was sent in part is sent whole */
	assert_int_equal(event_queue_unsent(&queue, parts, 4), 1);
	assert_int_equal(parts[0].iov_len, size);
	assert_true(event_queue_restart(&queue, 3));
	assert_true(event_queue_left(&queue) == 0 && event_queue_bytes(&queue) == 0);
	event_queue_free(&queue);
}

/* The same events in, out and acknowledged for long: the buffer doesn't grow, and nothing is mixed up. */
static void
a_queue_used_for_long(void **state)
{
	struct event_queue queue;
	char path[2000], memory[EVENT_BYTES_MAX];
	struct event event, got;
	struct iovec part;
	uint64_t next = 1;

	(void)state;
	srand(20261122);
	event_queue_init(&queue, EVENT_QUEUE_MAX);
	for (int i = 0; i < 20000; i++) {
		memset(path, 'p', sizeof(path));
		path[rand() % 2000] = '\0';
		path[1999] = '\0';
		event = an_event(path);
		event.bytes = (uint64_t)strlen(path);
		assert_int_equal(event_queue_add(&queue, &event, i), i + 1);
		while (rand() % 2 == 0 && event_queue_unsent(&queue, &part, 1) == 1) {
			assert_true(event_get((uint8_t *)part.iov_base + 4, part.iov_len - 4, &got, memory));
			assert_int_equal(got.sequence, next++);
			assert_int_equal(got.bytes, strlen(got.path));
			event_queue_sent(&queue, part.iov_len);
		}
		if (rand() % 3 == 0)
			assert_true(event_queue_acknowledge(&queue, next - 1));
	}
	assert_true(queue.room <= 2 * EVENT_QUEUE_MAX);
	event_queue_free(&queue);
}

static void
a_queue_that_is_full(void **state)
{
	struct event_queue queue;
	struct event event = an_event("/a"), close_event = an_event(""), lost_lines = an_event("");
	char memory[EVENT_BYTES_MAX];
	struct event got;
	struct iovec parts[4];
	uint64_t sequence, last = 0;

	(void)state;
	close_event.operation = EVENT_SESSION_CLOSE;
	lost_lines.operation = EVENT_DROPPED;
	lost_lines.totals.dropped = 5;
	event_queue_init(&queue, 200 * 1024);
	while ((sequence = event_queue_add(&queue, &event, 0)) != 0)
		last = sequence;
	assert_true(last > 100);
	assert_int_equal(event_queue_add(&queue, &lost_lines, 0), 0);
	assert_int_equal(queue.lost, 6);
	assert_int_equal(event_queue_add(&queue, &close_event, 0), last + 2);
	assert_int_equal(queue.lost, 0);
	assert_true(event_queue_restart(&queue, last));
	assert_int_equal(event_queue_unsent(&queue, parts, 4), 2);
	assert_true(event_get((uint8_t *)parts[0].iov_base + 4, parts[0].iov_len - 4, &got, memory));
	assert_true(got.operation == EVENT_DROPPED && got.totals.dropped == 6 && got.sequence == last + 1);
	event_queue_free(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_sent_in_pieces),
		cmocka_unit_test(a_queue_used_for_long),
		cmocka_unit_test(a_queue_that_is_full),
	};

	return cmocka_run_group_tests_name("queue of the helper", tests, NULL, NULL);
}
