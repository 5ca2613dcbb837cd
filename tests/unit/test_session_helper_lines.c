/* What arrives on the lines' socket: datagrams, descriptors, times, and how often they wake the helper. */
#include <dirent.h>

#include "tests/unit/helper_world.h"

static size_t
descriptors_of(pid_t pid)
{
	char path[64];
	size_t count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void
send_descriptor(int fd, int passed, const char *data, size_t length)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec part = { (char *)(uintptr_t)data, length };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};

	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), length);
}

static void
descriptors_are_not_taken(void **state)
{
	struct world world;
	size_t before;
	int pipes[2];
	char byte;

	(void)state;
	if (geteuid() != 0)
		skip(); /* the helper's /proc/PID/fd is root's */
	begin_with_agent(&world, false, 30);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	before = descriptors_of(world.helper);
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < 20; i++) {
		send_descriptor(world.lines, pipes[1], "x", 1);
		send_descriptor(world.agent, pipes[1], (const char *)&(uint64_t){ 1 }, 8);
	}
	close(pipes[1]);
	sftp_says(&world, "opendir \"/\"");
	agent_gets(&world, 2, EVENT_LIST, "/"); /* it is past them */
	assert_int_equal(recv(world.agent, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(read(pipes[0], &byte, 1), 0); /* nobody has the other end */
	assert_int_equal(descriptors_of(world.helper), before);
	close(pipes[0]);
	end(&world);
}

/* The same for a socket that tells no times, whose control buffer has room for a descriptor. */
static void
descriptors_that_get_in_are_closed(void **state)
{
	char data[LINE_DATAGRAM_MAX], byte;
	int sockets[2], pipes[2];
	int64_t sent, now = wall_clock();
	size_t length;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(pipe(pipes), 0);
	send_descriptor(sockets[0], pipes[1], "line", 4);
	close(pipes[1]);
	assert_int_equal(lines_read(sockets[1], data, &length, &sent), LINES_DATAGRAM);
	assert_int_equal(length, 4);
	assert_true(sent >= now && sent <= wall_clock());
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	assert_int_equal(lines_read(sockets[1], data, &length, &sent), LINES_NOTHING);
	close(sockets[0]);
	assert_int_equal(lines_read(sockets[1], data, &length, &sent), LINES_END);
	close(sockets[1]);
	close(pipes[0]);
}

static void
datagrams_that_are_no_lines(void **state)
{
	static const char zeros[LINE_DATAGRAM_MAX + 500];
	static const char *const texts[] = {
		"x", "<", "<1>", "<86>Nov 22 10:30:00 internal-sftp", "<86>Nov 22 10:30:00 internal-sftp[7",
		"<86>Nov 22 10:30:00 internal-sftp[]: opendir \"/\"", "<86>Nov 22 10:30:00 internal-sftp[77] opendir \"/\"",
		"<86>Nov 22 10:30:00 internal-sftp[99999999999]: opendir \"/\"",
		"<x>Nov 22 10:30:00 internal-sftp[77]: opendir \"/\"",
		"<86>internal-sftp[77]: opendir \"/\"", "<86>Nov 22 10:30:00 xinternal-sftp[77]: opendir \"/\"",
		"<86>Nov 22 10:30:00xinternal-sftp[77]: opendir \"/\"",
	};
	char longest[LINE_DATAGRAM_MAX + 500];
	struct world world;
	struct event event;

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_true(session_sends(&world, "\0S11", 4)); /* not the note of the seal */
	assert_true(session_sends(&world, "\0S0", 3));
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	assert_true(session_sends(&world, "", 0)); /* not the end */
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_true(session_sends(&world, texts[i], strlen(texts[i])));
	for (size_t length = 1; length < 10; length++) {
		assert_true(session_sends(&world, zeros, length));
		assert_true(session_sends(&world, "\0L\1\0\0\0\0\0\0\0", length == 6 ? 5 : length));
		assert_true(session_sends(&world, "\0S1111111", length));
	}
	assert_true(session_sends(&world, zeros, sizeof(zeros)));
	memset(longest, 'n', sizeof(longest));
	memcpy(longest, STAMP "internal-sftp[77]: rmdir name \"/", strlen(STAMP) + 32);
	assert_true(session_sends(&world, longest, sizeof(longest)));
	assert_true(session_sends(&world, "\0L\5\0\0\0", 6));
	event = agent_gets(&world, 2, EVENT_DROPPED, "");
	assert_int_equal(event.totals.dropped, 5);
	event = agent_reads(&world);
	assert_true(event.operation == EVENT_RMDIR && (event.flags & EVENT_CUT) != 0);
	sftp_says(&world, "opendir \"x\"");
	agent_gets(&world, 4, EVENT_LIST, "/x");
	end(&world);
}

static void
times_are_the_senders(void **state)
{
	struct world world;
	struct event event;
	int64_t opening, opened, before, after;

	(void)state;
	begin_with_agent(&world, false, 30);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	assert_int_equal(kill(world.helper, SIGSTOP), 0);
	opening = wall_clock();
	sftp_says(&world, "open \"/a\" flags READ mode 0644");
	opened = wall_clock();
	usleep(200 * 1000);
	before = wall_clock();
	sftp_says(&world, "close \"/a\" bytes read 1 written 0");
	after = wall_clock();
	usleep(300 * 1000);
	assert_int_equal(kill(world.helper, SIGCONT), 0);
	event = agent_gets(&world, 2, EVENT_GET, "/a");
	assert_true(event.time >= before && event.time <= after);
	assert_in_range(event.duration, (uint64_t)(before - opened), (uint64_t)(after - opening));
	end(&world);
}

static unsigned long
wake_ups(pid_t pid)
{
	char path[64], line[200];
	unsigned long count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "voluntary_ctxt_switches: %lu", &count);
	fclose(file);
	return count;
}

static void
a_busy_session_does_not_wake_it_for_each_line(void **state)
{
	struct world world;
	unsigned long before;

	(void)state;
	begin_with_agent(&world, false, 30);
	before = wake_ups(world.helper);
	for (int i = 0; i < 1000; i++) {
		sftp_says(&world, "opendir \"/\"");
		usleep(200);
	}
	/* 0.2 s and what a busy machine adds: at most 200 a second, twice that with the polls in between. */
	assert_in_range(wake_ups(world.helper) - before, 1, 500);
	before = wake_ups(world.helper);
	usleep(600 * 1000);
	assert_in_range(wake_ups(world.helper) - before, 0, 5); /* at rest it sleeps */
	end(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_not_taken),
		cmocka_unit_test(descriptors_that_get_in_are_closed),
		cmocka_unit_test(datagrams_that_are_no_lines),
		cmocka_unit_test(times_are_the_senders),
		cmocka_unit_test(a_busy_session_does_not_wake_it_for_each_line),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("lines of the helper", tests, NULL, NULL);
}
