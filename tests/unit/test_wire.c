/*
 * The codec, and the client against agents of every kind: right, hostile, slow, full, none. The agents are real sockets at
 * BERTH_SOCKET, in a mount namespace of this test's own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/paths.h"
#include "common/wire/deadline.h"
#include "common/wire/event.h"
#include "common/wire/wire.h"
#include "tests/unit/private_run.h"

#define NOBODY 65534
#define SLACK_MS 300 /* what a busy machine may add to a time limit */

/* The codec. */

static void
fields_go_round(void **state)
{
	uint8_t memory[64];
	struct wire_out out;
	struct wire_in in;
	char text[11];
	const char *view;
	size_t length;

	(void)state;
	wire_out_init(&out, memory, sizeof(memory));
	wire_put_u16(&out, 513);
	wire_put_u32(&out, 4294967295u);
	wire_put_string(&out, "alice");
	wire_put_string(&out, "");
	wire_put_string(&out, "bob");
	assert_false(out.overflow);
	assert_int_equal(out.used, 2 + 4 + 9 + 4 + 7);

	wire_in_init(&in, memory, out.used);
	assert_int_equal(wire_get_u16(&in), 513);
	assert_int_equal(wire_get_u32(&in), 4294967295u);
	wire_get_string(&in, text, 10);
	assert_string_equal(text, "alice");
	wire_get_string(&in, text, 10);
	assert_string_equal(text, "");
	assert_false(wire_in_done(&in));
	view = wire_get_view(&in, 3, &length);
	assert_int_equal(length, 3);
	assert_memory_equal(view, "bob", 3);
	assert_true(wire_in_done(&in));
}

static void
what_does_not_fit_is_left_out(void **state)
{
	uint8_t memory[10];
	struct wire_out out;

	(void)state;
	memset(memory, 0xaa, sizeof(memory));
	wire_out_init(&out, memory, 8);
	wire_put_string(&out, "12345");
	assert_true(out.overflow);
	wire_put_u16(&out, 1);
	assert_true(out.overflow);
	assert_true(out.used <= 8);
	assert_int_equal(memory[8], 0xaa);
}

/* expect_bad: a string field that must be refused, with "" for it and for all that follows. */
static void
expect_bad(const void *data, size_t size, size_t max)
{
	char text[32] = "untouched";
	struct wire_in in;
	size_t length = 99;

	wire_in_init(&in, data, size);
	wire_get_string(&in, text, max);
	assert_true(in.bad);
	assert_string_equal(text, "");
	assert_int_equal(wire_get_u32(&in), 0);
	assert_int_equal(wire_get_u16(&in), 0);
	assert_string_equal(wire_get_view(&in, 8, &length), "");
	assert_int_equal(length, 0);
	assert_false(wire_in_done(&in));
}

static void
bad_fields_are_refused(void **state)
{
	const uint8_t longer_than_max[] = { 5, 0, 0, 0, 'a', 'b', 'c', 'd', 'e', 1, 2, 3, 4 };
	const uint8_t longer_than_data[] = { 6, 0, 0, 0, 'a', 'b', 'c', 'd', 'e' };
	const uint8_t huge[] = { 255, 255, 255, 255, 'a', 'b', 'c', 'd', 'e' };
	const uint8_t nul_inside[] = { 3, 0, 0, 0, 'a', 0, 'c', 1, 2, 3, 4, 5, 6 };
	const uint8_t half_a_length[] = { 1, 0 };

	(void)state;
	expect_bad(longer_than_max, sizeof(longer_than_max), 4);
	expect_bad(longer_than_data, sizeof(longer_than_data), 30);
	expect_bad(huge, sizeof(huge), 30);
	expect_bad(nul_inside, sizeof(nul_inside), 30);
	expect_bad(half_a_length, sizeof(half_a_length), 30);
	expect_bad("", 0, 30);
}

static void
headers_are_checked(void **state)
{
	uint8_t header[WIRE_HEADER], wrong[WIRE_HEADER];
	struct wire_out out;
	uint16_t kind;
	uint32_t length;

	(void)state;
	wire_out_init(&out, header, sizeof(header));
	wire_put_header(&out, WIRE_SESSION, 100);
	assert_int_equal(out.used, WIRE_HEADER);
	assert_memory_equal(header, "BRTH", 4);
	assert_true(wire_get_header(header, &kind, &length, 100));
	assert_int_equal(kind, WIRE_SESSION);
	assert_int_equal(length, 100);
	assert_false(wire_get_header(header, &kind, &length, 99));
	for (size_t i = 0; i < 6; i++) { /* each byte of magic and version */
		memcpy(wrong, header, sizeof(wrong));
		wrong[i] ^= 1;
		assert_false(wire_get_header(wrong, &kind, &length, 100));
	}
}

static void
user_names(void **state)
{
	const char *const good[] = { "bob", "Alice", "a.b", "a-b@c", "_ab", "123", "x--", "roots" };
	const char *const bad[] = {
		"", "a", "ab", "-ab", ".ab", "@ab", "root", "a b", "a/b", "a:b", "ab\n", "a\xc3\xa4x", "a$b",
	};
	char name[USER_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(user_name_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(user_name_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	name[USER_NAME_MAX] = '\0';
	assert_true(user_name_valid(name));
	name[USER_NAME_MAX] = 'a';
	name[USER_NAME_MAX + 1] = '\0';
	assert_false(user_name_valid(name));
}

/* Events. */

static void
repeat(char *text, char c, size_t length)
{
	memset(text, c, length);
	text[length] = '\0';
}

/* The longest event that there can be, every member of its own. */
static struct event
longest_event(void)
{
	static char status[EVENT_STATUS_MAX + 2], path[EVENT_PATH_MAX + 2], new_path[EVENT_PATH_MAX + 2];
	static char target[EVENT_TARGET_MAX + 2], new_target[EVENT_TARGET_MAX + 2], text[EVENT_TEXT_MAX + 2];
	struct event event = {
		.sequence = UINT64_MAX, .time = INT64_MAX, .operation = EVENT_OTHER, .flags = EVENT_FLAGS, .bytes = 1,
		.duration = 2, .corrects = 3, .status = status, .path = path, .new_path = new_path, .target = target,
		.new_target = new_target, .text = text, .totals = { 4, 5, 6, 7, 8, 9, 10 },
	};

	repeat(status, 's', EVENT_STATUS_MAX);
	repeat(path, 'p', EVENT_PATH_MAX);
	repeat(new_path, 'P', EVENT_PATH_MAX);
	repeat(target, 't', EVENT_TARGET_MAX);
	repeat(new_target, 'T', EVENT_TARGET_MAX);
	repeat(text, '\xff', EVENT_TEXT_MAX);
	return event;
}

static size_t
put_event(uint8_t *data, size_t size, const struct event *event)
{
	struct wire_out out;

	wire_out_init(&out, data, size);
	event_put(&out, event);
	assert_false(out.overflow);
	return out.used;
}

static void
assert_same_event(const struct event *a, const struct event *b)
{
	assert_true(a->sequence == b->sequence && a->time == b->time && a->operation == b->operation);
	assert_true(a->flags == b->flags && a->bytes == b->bytes && a->duration == b->duration);
	assert_true(a->corrects == b->corrects);
	assert_string_equal(a->status, b->status);
	assert_string_equal(a->path, b->path);
	assert_string_equal(a->new_path, b->new_path);
	assert_string_equal(a->target, b->target);
	assert_string_equal(a->new_target, b->new_target);
	assert_string_equal(a->text, b->text);
	assert_memory_equal(&a->totals, &b->totals, sizeof(a->totals));
}

static void
events_go_round(void **state)
{
	static uint8_t data[EVENT_BYTES_MAX];
	char *memory = malloc(EVENT_BYTES_MAX); /* its own, so that a write behind it is seen */
	struct event event = longest_event(), got;
	size_t length;

	(void)state;
	assert_non_null(memory);
	length = put_event(data, sizeof(data), &event);
	assert_true(event_get(data, length, &got, memory));
	assert_same_event(&event, &got);
	event = (struct event){ .sequence = 1, .operation = EVENT_SESSION_OPEN, .status = "", .path = "", .new_path = "",
		.target = "", .new_target = "", .text = "" };
	length = put_event(data, sizeof(data), &event);
	assert_true(event_get(data, length, &got, memory));
	assert_same_event(&event, &got);
	free(memory);
}

static void
events_cut_anywhere_are_refused(void **state)
{
	static uint8_t data[EVENT_BYTES_MAX + 1];
	static char memory[EVENT_BYTES_MAX];
	struct event event = longest_event(), got;
	size_t length = put_event(data, sizeof(data), &event);

	(void)state;
	assert_false(event_get(data, length + 1, &got, memory));
	for (size_t less = 0; less < length; less++) {
		uint8_t *exact = malloc(less + 1);

		assert_non_null(exact);
		memcpy(exact, data, less);
		assert_false(event_get(exact, less, &got, memory));
		free(exact);
	}
}

static bool
is_taken(const struct event *event)
{
	static uint8_t data[2 * EVENT_BYTES_MAX];
	static char memory[EVENT_BYTES_MAX];
	struct event got;
	size_t length = put_event(data, sizeof(data), event);

	return event_get(data, length, &got, memory);
}

static void
events_beyond_a_limit_are_refused(void **state)
{
	struct event event;
	const char **const strings[] = {
		&event.status, &event.path, &event.new_path, &event.target, &event.new_target, &event.text,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		event = longest_event();
		assert_true(is_taken(&event));
		((char *)(uintptr_t)*strings[i])[strlen(*strings[i])] = 'x';
		assert_false(is_taken(&event));
	}
#define REFUSED(member, value) \
	do { event = longest_event(); event.member = (value); assert_false(is_taken(&event)); } while (0)
	REFUSED(sequence, 0);
	REFUSED(time, -1);
	REFUSED(time, INT64_MIN);
	REFUSED(operation, (enum event_operation)0);
	REFUSED(operation, EVENT_OPERATIONS);
	REFUSED(operation, (enum event_operation)-1);
	REFUSED(flags, EVENT_FLAGS + 1);
	REFUSED(flags, UINT32_MAX);
#undef REFUSED
}

static void
events_of_random_bytes_do_no_harm(void **state)
{
	static uint8_t data[EVENT_BYTES_MAX];
	char *memory = malloc(EVENT_BYTES_MAX);
	struct event event = {
		.sequence = 1, .operation = EVENT_PUT, .status = "ok", .path = "/a", .new_path = "", .target = "/b",
		.new_target = "", .text = "t",
	}, got;
	size_t length;

	(void)state;
	assert_non_null(memory);
	srand(20261122);
	for (int i = 0; i < 200000; i++) {
		length = put_event(data, sizeof(data), &event);
		for (int changes = rand() % 4; changes >= 0; changes--)
			data[(size_t)rand() % length] = (uint8_t)(rand() % 3 == 0 ? 0 : rand());
		if (event_get(data, length, &got, memory))
			assert_true(got.sequence > 0 && got.time >= 0 && event_operation_name(got.operation) != NULL);
	}
	free(memory);
}

static void
event_operations_have_names(void **state)
{
	(void)state;
	for (unsigned i = 1; i < EVENT_OPERATIONS; i++)
		assert_int_equal(event_operation_find(event_operation_name((enum event_operation)i)), i);
	assert_null(event_operation_name((enum event_operation)0));
	assert_null(event_operation_name(EVENT_OPERATIONS));
	assert_int_equal(event_operation_find("puts"), 0);
	assert_int_equal(event_operation_find(""), 0);
}

static const struct event_session good_session = {
	.id = "0123456789abcdef", .server_id = "s-0123456789abcdef0", .user = "alice", .client = "2001:db8::1",
	.client_port = 65535, .fingerprint = "SHA256:abc", .uid = 5001,
};

static bool
session_is_taken(const struct event_session *session, size_t less)
{
	uint8_t data[1024];
	struct event_session got;
	struct wire_out out;
	struct wire_in in;
	bool taken;

	wire_out_init(&out, data, sizeof(data));
	event_put_session(&out, session);
	assert_false(out.overflow);
	wire_in_init(&in, data, out.used > less ? out.used - less : 0);
	memset(&got, 0, sizeof(got));
	taken = event_get_session(&in, &got) && wire_in_done(&in);
	if (taken)
		assert_memory_equal(&got, session, sizeof(got));
	return taken;
}

static void
identities_go_round(void **state)
{
	struct event_session session;

	(void)state;
	assert_true(session_is_taken(&good_session, 0));
	for (size_t less = 1; less < 150; less++)
		assert_false(session_is_taken(&good_session, less));
#define REFUSED(statement) do { session = good_session; statement; assert_false(session_is_taken(&session, 0)); } while (0)
	REFUSED(session.id[15] = '\0');
	REFUSED(session.id[3] = 'A');
	REFUSED(session.id[3] = 'g');
	REFUSED(session.server_id[0] = '\0');
	REFUSED(session.server_id[3] = ' ');
	REFUSED(session.user[1] = '/');
	REFUSED(session.client[0] = '\0');
	REFUSED(session.client[1] = '\n');
	REFUSED(session.client_port = 65536);
	REFUSED(session.fingerprint[0] = '\x7f');
	REFUSED(session.fingerprint[0] = '\xc3');
	REFUSED(session.fingerprint[0] = '\0');
	REFUSED(session.uid = ID_NONE);
#undef REFUSED
}

/* An agent for one test: a thread that takes one connection, does what the test says, and closes it. */

struct agent {
	int listener;
	pthread_t thread;
	bool running;
	void (*answer)(struct agent *agent, int fd);
	uint8_t request[WIRE_HEADER + WIRE_REQUEST_MAX];
	size_t request_size;
	size_t long_length;
	unsigned delay_ms;
	size_t piece;
};

static int
listen_at_socket(int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(BERTH_SOCKET);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(BERTH_SOCKET, 0666), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void *
serve(void *argument)
{
	struct agent *agent = argument;
	int fd = accept(agent->listener, NULL, NULL);
	ssize_t count;

	if (fd < 0)
		return NULL;
	count = recv(fd, agent->request, sizeof(agent->request), 0);
	agent->request_size = count > 0 ? (size_t)count : 0;
	agent->answer(agent, fd);
	close(fd);
	return NULL;
}

static void
agent_start(struct agent *agent, void (*answer)(struct agent *, int))
{
	memset(agent, 0, sizeof(*agent));
	agent->answer = answer;
	agent->listener = listen_at_socket(16);
	assert_int_equal(pthread_create(&agent->thread, NULL, serve, agent), 0);
}

static void
agent_stop(struct agent *agent)
{
	shutdown(agent->listener, SHUT_RDWR); /* wakes an accept(2) that nobody came for */
	pthread_join(agent->thread, NULL);
	close(agent->listener);
	unlink(BERTH_SOCKET);
}

static void
send_bytes(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	ssize_t count;

	while (length > 0 && (count = send(fd, at, length, MSG_NOSIGNAL)) > 0) {
		at += count;
		length -= (size_t)count;
	}
}

static void
send_header(int fd, uint16_t status, uint32_t length)
{
	uint8_t header[WIRE_HEADER];
	struct wire_out out;

	wire_out_init(&out, header, sizeof(header));
	wire_put_header(&out, status, length);
	send_bytes(fd, header, sizeof(header));
}

static size_t
open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* ask: agent_ask with a payload of "alice", and a check that it took no longer than it may. */
static int
ask(void *answer, size_t size, size_t *length, int timeout_ms)
{
	uint8_t memory[16];
	struct wire_out request;
	int64_t start = deadline_now();
	int status, saved;

	wire_out_init(&request, memory, sizeof(memory));
	wire_put_string(&request, "alice");
	status = agent_ask(WIRE_INITGROUPS, &request, answer, size, length, &(struct agent_patience){ timeout_ms, 0 });
	saved = errno;
	assert_true(deadline_now() - start <= timeout_ms + SLACK_MS);
	errno = saved;
	return status;
}

static void
answer_five_bytes(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_OK, 5);
	send_bytes(fd, "hello", 5);
}

static void
one_question_one_answer(void **state)
{
	struct agent agent;
	uint8_t answer[8], expected[WIRE_HEADER + 9];
	struct wire_out out;
	size_t length, before = open_descriptors();

	(void)state;
	agent_start(&agent, answer_five_bytes);
	assert_int_equal(ask(answer, sizeof(answer), &length, 2000), WIRE_OK);
	assert_int_equal(length, 5);
	assert_memory_equal(answer, "hello", 5);
	agent_stop(&agent);

	wire_out_init(&out, expected, sizeof(expected));
	wire_put_header(&out, WIRE_INITGROUPS, 9);
	wire_put_string(&out, "alice");
	assert_int_equal(agent.request_size, sizeof(expected));
	assert_memory_equal(agent.request, expected, sizeof(expected));
	assert_int_equal(open_descriptors(), before);
}

static void
answer_refused(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_REFUSED, 4);
	send_bytes(fd, "why?", 4);
}

static void
a_refusal_brings_its_reason(void **state)
{
	struct agent agent;
	uint8_t answer[8];
	size_t length;

	(void)state;
	agent_start(&agent, answer_refused);
	assert_int_equal(ask(answer, sizeof(answer), &length, 2000), WIRE_REFUSED);
	assert_int_equal(length, 4);
	assert_memory_equal(answer, "why?", 4);
	agent_stop(&agent);
}

static void
answer_in_pieces(struct agent *agent, int fd)
{
	uint8_t bytes[WIRE_HEADER + 3];
	struct wire_out out;

	(void)agent;
	wire_out_init(&out, bytes, sizeof(bytes));
	wire_put_header(&out, WIRE_OK, 3);
	memcpy(bytes + WIRE_HEADER, "abc", 3);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		send_bytes(fd, bytes + i, 1);
		usleep(2000);
	}
}

static void
an_answer_in_pieces_is_put_together(void **state)
{
	struct agent agent;
	uint8_t answer[3];
	size_t length;

	(void)state;
	agent_start(&agent, answer_in_pieces);
	assert_int_equal(ask(answer, sizeof(answer), &length, 2000), WIRE_OK);
	assert_int_equal(length, 3);
	assert_memory_equal(answer, "abc", 3);
	agent_stop(&agent);
}

/* Hostile answers: each must end in -1 and EPROTO at once. */

static void
answer_nothing(struct agent *agent, int fd)
{
	(void)agent;
	(void)fd;
}

static void
answer_wrong_magic(struct agent *agent, int fd)
{
	(void)agent;
	send_bytes(fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
}

static void
answer_wrong_version(struct agent *agent, int fd)
{
	uint8_t header[WIRE_HEADER];
	struct wire_out out;

	(void)agent;
	wire_out_init(&out, header, sizeof(header));
	wire_put_header(&out, WIRE_OK, 0);
	header[4]++;
	send_bytes(fd, header, sizeof(header));
}

static void
answer_unknown_status(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, 77, 0);
}

static void
answer_huge_length(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_OK, UINT32_MAX);
}

static void
answer_one_too_long(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_OK, 9);
	send_bytes(fd, "123456789", 9);
}

static void
answer_truncated(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_OK, 5);
	send_bytes(fd, "hell", 4);
}

static void
answer_half_a_header(struct agent *agent, int fd)
{
	(void)agent;
	send_bytes(fd, "BRTH\1", 5);
}

static void
answer_with_bytes_left_over(struct agent *agent, int fd)
{
	uint8_t bytes[WIRE_HEADER + 3];
	struct wire_out out;

	(void)agent;
	wire_out_init(&out, bytes, sizeof(bytes));
	wire_put_header(&out, WIRE_OK, 2);
	memcpy(bytes + WIRE_HEADER, "abc", 3);
	send_bytes(fd, bytes, sizeof(bytes));
}

static void
what_is_not_the_protocol_is_no_answer(void **state)
{
	static void (*const answers[])(struct agent *, int) = {
		answer_nothing, answer_wrong_magic, answer_wrong_version, answer_unknown_status, answer_huge_length,
		answer_one_too_long, answer_truncated, answer_half_a_header, answer_with_bytes_left_over,
	};
	size_t before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct agent agent;
		uint8_t answer[8];
		size_t length = 99;
		int status;

		agent_start(&agent, answers[i]);
		status = ask(answer, sizeof(answer), &length, 2000);
		assert_int_equal(status, -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(length, 0);
		agent_stop(&agent);
	}
	assert_int_equal(open_descriptors(), before);
}

static void
answer_never(struct agent *agent, int fd)
{
	uint8_t byte;

	(void)agent;
	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void
answer_in_slow_drips(struct agent *agent, int fd)
{
	uint8_t zero = 0;

	(void)agent;
	send_header(fd, WIRE_OK, 200);
	while (send(fd, &zero, 1, MSG_NOSIGNAL) == 1)
		usleep(10000);
}

static void
slow_agents_cost_the_time_limit_and_no_more(void **state)
{
	static void (*const answers[])(struct agent *, int) = { answer_never, answer_in_slow_drips };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct agent agent;
		uint8_t answer[256];
		size_t length;
		int64_t start;

		agent_start(&agent, answers[i]);
		start = deadline_now();
		assert_int_equal(ask(answer, sizeof(answer), &length, 200), -1);
		assert_int_equal(errno, ETIMEDOUT);
		assert_true(deadline_now() - start >= 199);
		agent_stop(&agent);
	}
}

/* WIRE_WAIT. */

static void
send_wait(int fd, uint32_t milliseconds)
{
	uint8_t message[WIRE_HEADER + WIRE_WAIT_LENGTH];
	struct wire_out out;

	wire_out_init(&out, message, sizeof(message));
	wire_put_header(&out, WIRE_WAIT, WIRE_WAIT_LENGTH);
	wire_put_u32(&out, milliseconds);
	send_bytes(fd, message, sizeof(message));
}

/* ask_patiently: as WIRE_KEYS, or another verb, with 100 ms for an answer; *took says how long it was. */
static int
ask_patiently(enum wire_verb verb, int wait_ms, void *answer, size_t size, size_t *length, int64_t *took)
{
	uint8_t memory[4];
	struct wire_out request;
	int64_t start = deadline_now();
	int status, saved;

	wire_out_init(&request, memory, sizeof(memory));
	status = agent_ask(verb, &request, answer, size, length, &(struct agent_patience){ 100, wait_ms });
	saved = errno;
	*took = deadline_now() - start;
	errno = saved;
	return status;
}

static void
answer_after_a_wait(struct agent *agent, int fd)
{
	send_wait(fd, 5000);
	usleep(agent->delay_ms * 1000);
	send_header(fd, WIRE_OK, 5);
	send_bytes(fd, "hello", 5);
}

static void
answer_along_with_a_wait(struct agent *agent, int fd)
{
	uint8_t bytes[2 * WIRE_HEADER + WIRE_WAIT_LENGTH + 5];
	struct wire_out out;

	wire_out_init(&out, bytes, sizeof(bytes));
	wire_put_header(&out, WIRE_WAIT, WIRE_WAIT_LENGTH);
	wire_put_u32(&out, 5000);
	wire_put_header(&out, WIRE_OK, 5);
	memcpy(bytes + out.used, "hello", 5);
	for (size_t i = 0; i < sizeof(bytes); i += agent->piece) {
		send_bytes(fd, bytes + i, i + agent->piece < sizeof(bytes) ? agent->piece : sizeof(bytes) - i);
		usleep(agent->delay_ms * 1000);
	}
}

static void
who_is_asked_to_wait_does(void **state)
{
	static const enum wire_verb verbs[] = { WIRE_PASSWD_BY_NAME, WIRE_KEYS, WIRE_SESSION };
	struct agent agent;
	uint8_t answer[8];
	size_t length;
	int64_t took;

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		agent_start(&agent, answer_after_a_wait);
		agent.delay_ms = 250;
		assert_int_equal(ask_patiently(verbs[i], 5000, answer, sizeof(answer), &length, &took), WIRE_OK);
		assert_int_equal(length, 5);
		assert_memory_equal(answer, "hello", 5);
		assert_true(took >= 249);
		agent_stop(&agent);
	}
}

static void
a_wait_and_its_answer_may_come_together(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 40; piece++) {
		struct agent agent;
		uint8_t answer[8], *allocated, memory[1];
		struct wire_out request;
		size_t length;
		int64_t took;

		agent_start(&agent, answer_along_with_a_wait);
		agent.piece = piece;
		assert_int_equal(ask_patiently(WIRE_KEYS, 5000, answer, sizeof(answer), &length, &took), WIRE_OK);
		assert_int_equal(length, 5);
		assert_memory_equal(answer, "hello", 5);
		agent_stop(&agent);

		agent_start(&agent, answer_along_with_a_wait);
		agent.piece = piece;
		wire_out_init(&request, memory, sizeof(memory));
		assert_int_equal(agent_ask_alloc(WIRE_SESSION, &request, &allocated, 100, &length,
		    &(struct agent_patience){ 1000, 5000 }), WIRE_OK);
		assert_int_equal(length, 5);
		assert_memory_equal(allocated, "hello", 5);
		free(allocated);
		agent_stop(&agent);
	}
}

/* One that isn't willing hears the answer if it comes in his own time. */
static void
who_is_not_willing_waits_as_ever(void **state)
{
	struct agent agent;
	uint8_t answer[8];
	size_t length;
	int64_t took;

	(void)state;
	agent_start(&agent, answer_after_a_wait);
	assert_int_equal(ask_patiently(WIRE_KEYS, 0, answer, sizeof(answer), &length, &took), WIRE_OK);
	assert_int_equal(length, 5);
	agent_stop(&agent);

	agent_start(&agent, answer_after_a_wait);
	agent.delay_ms = 1000;
	assert_int_equal(ask_patiently(WIRE_KEYS, 0, answer, sizeof(answer), &length, &took), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(took >= 99 && took < 100 + SLACK_MS);
	agent_stop(&agent);
}

static void
ask_for_ever(struct agent *agent, int fd)
{
	send_wait(fd, UINT32_MAX);
	answer_never(agent, fd);
}

static void
ask_for_nothing(struct agent *agent, int fd)
{
	send_wait(fd, 0);
	answer_never(agent, fd);
}

static void
ask_and_drip(struct agent *agent, int fd)
{
	send_wait(fd, 300);
	answer_in_slow_drips(agent, fd);
}

static void
a_wait_ends(void **state)
{
	static const struct {
		void (*answer)(struct agent *, int);
		int64_t least;
	} waits[] = { { ask_for_ever, 299 }, { ask_for_nothing, 99 }, { ask_and_drip, 299 } };

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct agent agent;
		uint8_t answer[256];
		size_t length;
		int64_t took;

		agent_start(&agent, waits[i].answer);
		assert_int_equal(ask_patiently(WIRE_KEYS, 300, answer, sizeof(answer), &length, &took), -1);
		assert_int_equal(errno, ETIMEDOUT);
		assert_true(took >= waits[i].least && took < waits[i].least + SLACK_MS);
		agent_stop(&agent);
	}
}

static void
ask_twice(struct agent *agent, int fd)
{
	(void)agent;
	send_wait(fd, 5000);
	send_wait(fd, 5000);
	send_header(fd, WIRE_OK, 0);
}

static void
ask_without_a_time(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_WAIT, 0);
	send_header(fd, WIRE_OK, 0);
}

static void
ask_with_too_much(struct agent *agent, int fd)
{
	(void)agent;
	send_header(fd, WIRE_WAIT, 8);
	send_bytes(fd, "12345678", 8);
	send_header(fd, WIRE_OK, 0);
}

static void
ask_and_go(struct agent *agent, int fd)
{
	(void)agent;
	send_wait(fd, 5000);
}

static void
ask_once(struct agent *agent, int fd)
{
	(void)agent;
	send_wait(fd, 5000);
	send_header(fd, WIRE_OK, 0);
}

static void
a_wait_that_is_not_the_protocol(void **state)
{
	static const struct {
		void (*answer)(struct agent *, int);
		enum wire_verb verb;
	} waits[] = {
		{ ask_twice, WIRE_KEYS }, { ask_without_a_time, WIRE_KEYS }, { ask_with_too_much, WIRE_KEYS },
		{ ask_and_go, WIRE_KEYS }, { ask_once, WIRE_PASSWD_BY_UID }, { ask_once, WIRE_GROUP },
		{ ask_once, WIRE_INITGROUPS }, { ask_once, WIRE_EVENTS },
	};
	size_t before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct agent agent;
		uint8_t answer[256];
		size_t length;
		int64_t took;

		agent_start(&agent, waits[i].answer);
		assert_int_equal(ask_patiently(waits[i].verb, 5000, answer, sizeof(answer), &length, &took), -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(length, 0);
		agent_stop(&agent);
	}
	assert_int_equal(open_descriptors(), before);
}

static void
answer_long(struct agent *agent, int fd)
{
	uint8_t *bytes = malloc(agent->long_length);

	assert_non_null(bytes);
	for (size_t i = 0; i < agent->long_length; i++)
		bytes[i] = (uint8_t)(i % 251);
	send_header(fd, WIRE_OK, (uint32_t)agent->long_length);
	send_bytes(fd, bytes, agent->long_length);
	free(bytes);
}

static void
long_answers_come_whole(void **state)
{
	static const size_t lengths[] = { 0, 1, 4095, 4096, 4097, 300000, WIRE_SESSION_MAX };
	uint8_t memory[4];
	struct wire_out request;

	(void)state;
	wire_out_init(&request, memory, sizeof(memory));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct agent agent;
		uint8_t *answer;
		size_t length;

		agent_start(&agent, answer_long);
		agent.long_length = lengths[i];
		assert_int_equal(
		    agent_ask_alloc(WIRE_SESSION, &request, &answer, WIRE_SESSION_MAX, &length,
		        &(struct agent_patience){ 10000, 0 }), WIRE_OK);
		assert_int_equal(length, lengths[i]);
		for (size_t j = 0; j < length; j++)
			if (answer[j] != j % 251)
				fail_msg("byte %zu of %zu is wrong", j, length);
		free(answer);
		agent_stop(&agent);
	}
}

static void
a_longer_answer_than_allowed_is_refused(void **state)
{
	struct agent agent;
	uint8_t memory[4], *answer;
	struct wire_out request;
	size_t length;

	(void)state;
	wire_out_init(&request, memory, sizeof(memory));
	agent_start(&agent, answer_huge_length);
	assert_int_equal(agent_ask_alloc(WIRE_SESSION, &request, &answer, WIRE_SESSION_MAX, &length,
	    &(struct agent_patience){ 2000, 0 }), -1);
	assert_int_equal(errno, EPROTO);
	assert_null(answer);
	agent_stop(&agent);
}

static void
a_request_that_did_not_fit_is_not_sent(void **state)
{
	uint8_t memory[4], answer[4];
	struct wire_out request;
	size_t length;

	(void)state;
	wire_out_init(&request, memory, sizeof(memory));
	wire_put_string(&request, "alice");
	assert_int_equal(agent_ask(WIRE_INITGROUPS, &request, answer, sizeof(answer), &length,
	    &(struct agent_patience){ 1000, 0 }), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void
no_agent_is_said_at_once(void **state)
{
	uint8_t answer[8];
	size_t length;
	int64_t start = deadline_now();
	int fd;

	(void)state;
	unlink(BERTH_SOCKET);
	assert_int_equal(ask(answer, sizeof(answer), &length, 5000), -1);
	assert_int_equal(errno, ENOENT);
	fd = listen_at_socket(1);
	close(fd);
	assert_int_equal(ask(answer, sizeof(answer), &length, 5000), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_true(deadline_now() - start < SLACK_MS);
	unlink(BERTH_SOCKET);
}

static void
an_agent_that_is_not_roots_is_not_asked(void **state)
{
	struct agent agent;
	uint8_t answer[8];
	size_t length;

	(void)state;
	memset(&agent, 0, sizeof(agent));
	agent.answer = answer_five_bytes;
	assert_int_equal(chmod("/run/berth", 0777), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	agent.listener = listen_at_socket(4);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod("/run/berth", 0755), 0);
	assert_int_equal(pthread_create(&agent.thread, NULL, serve, &agent), 0);
	assert_int_equal(ask(answer, sizeof(answer), &length, 2000), -1);
	assert_int_equal(errno, EPERM);
	agent_stop(&agent);
	assert_int_equal(agent.request_size, 0);
}

/* fill_backlog: connections until there is no place for another. Returns how many. */
static size_t
fill_backlog(int fds[], size_t max)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };
	size_t count;

	for (count = 0; count < max; count++) {
		fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fds[count] >= 0);
		if (connect(fds[count], (struct sockaddr *)&address, sizeof(address)) == 0)
			continue;
		assert_int_equal(errno, EAGAIN);
		close(fds[count]);
		return count;
	}
	return count;
}

static void
a_connection_to_hold(void **state)
{
	char long_path[200];
	int listener = listen_at_socket(4), fd;

	(void)state;
	fd = agent_connect(BERTH_SOCKET, 0);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
	fd = (int)open_descriptors();
	assert_int_equal(agent_connect(BERTH_SOCKET, 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(open_descriptors(), fd);
	close(listener);
	assert_int_equal(agent_connect(BERTH_SOCKET, 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	unlink(BERTH_SOCKET);
	assert_int_equal(agent_connect(BERTH_SOCKET, 0), -1);
	assert_int_equal(errno, ENOENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(agent_connect(long_path, 0), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void
a_full_backlog_ends_in_time(void **state)
{
	int fds[8], listener = listen_at_socket(1);
	size_t length, count = fill_backlog(fds, 8), before = open_descriptors();
	uint8_t answer[8];

	(void)state;
	assert_true(count > 0 && count < 8);
	assert_int_equal(ask(answer, sizeof(answer), &length, 200), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(open_descriptors(), before);
	while (count > 0)
		close(fds[--count]);
	close(listener);
	unlink(BERTH_SOCKET);
}

/* serve_late: lets the others wait, takes them off, then serves the one that had no place. */
static void *
serve_late(void *argument)
{
	struct agent *agent = argument;

	usleep(50000);
	for (size_t i = 0; i < agent->long_length; i++)
		close(accept(agent->listener, NULL, NULL));
	return serve(agent);
}

static void
a_full_backlog_is_waited_for(void **state)
{
	struct agent agent;
	uint8_t answer[8];
	size_t length;
	int fds[8];

	(void)state;
	memset(&agent, 0, sizeof(agent));
	agent.answer = answer_five_bytes;
	agent.listener = listen_at_socket(1);
	agent.long_length = fill_backlog(fds, 8);
	assert_int_equal(pthread_create(&agent.thread, NULL, serve_late, &agent), 0);
	assert_int_equal(ask(answer, sizeof(answer), &length, 2000), WIRE_OK);
	assert_int_equal(length, 5);
	agent_stop(&agent);
	for (size_t i = 0; i < agent.long_length; i++)
		close(fds[i]);
}

/* busy: an agent that answers before it has read anything, and closes. */
static void *
serve_busy(void *argument)
{
	struct agent *agent = argument;
	int fd = accept(agent->listener, NULL, NULL);

	send_header(fd, WIRE_BUSY, 0);
	close(fd);
	return NULL;
}

static void
an_answer_before_the_question_is_heard(void **state)
{
	struct agent agent;
	uint8_t answer[8];
	size_t length;

	(void)state;
	for (int i = 0; i < 50; i++) { /* whoever is first, the client or the agent */
		agent.listener = listen_at_socket(4);
		assert_int_equal(pthread_create(&agent.thread, NULL, serve_busy, &agent), 0);
		assert_int_equal(ask(answer, sizeof(answer), &length, 2000), WIRE_BUSY);
		agent_stop(&agent);
	}
}

int
main(void)
{
	const struct CMUnitTest codec[] = {
		cmocka_unit_test(fields_go_round),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(user_names),
		cmocka_unit_test(a_request_that_did_not_fit_is_not_sent),
	};
	const struct CMUnitTest events[] = {
		cmocka_unit_test(events_go_round),
		cmocka_unit_test(events_cut_anywhere_are_refused),
		cmocka_unit_test(events_beyond_a_limit_are_refused),
		cmocka_unit_test(events_of_random_bytes_do_no_harm),
		cmocka_unit_test(event_operations_have_names),
		cmocka_unit_test(identities_go_round),
	};
	struct CMUnitTest client[] = {
		cmocka_unit_test(one_question_one_answer),
		cmocka_unit_test(a_refusal_brings_its_reason),
		cmocka_unit_test(an_answer_in_pieces_is_put_together),
		cmocka_unit_test(what_is_not_the_protocol_is_no_answer),
		cmocka_unit_test(slow_agents_cost_the_time_limit_and_no_more),
		cmocka_unit_test(who_is_asked_to_wait_does),
		cmocka_unit_test(a_wait_and_its_answer_may_come_together),
		cmocka_unit_test(who_is_not_willing_waits_as_ever),
		cmocka_unit_test(a_wait_ends),
		cmocka_unit_test(a_wait_that_is_not_the_protocol),
		cmocka_unit_test(long_answers_come_whole),
		cmocka_unit_test(a_longer_answer_than_allowed_is_refused),
		cmocka_unit_test(no_agent_is_said_at_once),
		cmocka_unit_test(an_agent_that_is_not_roots_is_not_asked),
		cmocka_unit_test(a_connection_to_hold),
		cmocka_unit_test(a_full_backlog_ends_in_time),
		cmocka_unit_test(a_full_backlog_is_waited_for),
		cmocka_unit_test(an_answer_before_the_question_is_heard),
	};
	int failed = cmocka_run_group_tests_name("wire codec", codec, NULL, NULL);

	failed += cmocka_run_group_tests_name("wire events", events, NULL, NULL);
	private_run_enter(client, sizeof(client) / sizeof(client[0]));
	return failed + cmocka_run_group_tests_name("wire client", client, NULL, NULL);
}
