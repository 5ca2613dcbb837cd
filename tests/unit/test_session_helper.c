/*
 * berth-session as a process, in its sandbox: this test is its monitor, its session, its agent and its syslog. And its
 * parts that are easier to reach alone: what it is told at its start, its queue, its sandbox.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/session_channel.h"
#include "common/wire/deadline.h"
#include "session_helper/event_queue.h"
#include "session_helper/helper.h"
#include "session_helper/host_log.h"
#include "session_helper/lines.h"
#include "session_helper/sandbox.h"
#include "session_helper/start.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PATIENCE_MS 30000 /* for what must come, on a machine however busy */
#define PRIORITY "<86>"
#define STAMP PRIORITY "Nov 22 10:30:00 "
#define OWN "Received disconnect from 192.0.2.1 port 4022:11: "

static const struct event_session identity = {
	.id = "0123456789abcdef", .server_id = "s-0123456789abcdef0", .user = "alice", .client = "192.0.2.1",
	.client_port = 4022, .fingerprint = "SHA256:abc", .uid = 5001,
};

/* Everything around one helper. */
struct world {
	char folder[32], agent_path[64], syslog_path[64];
	int control, lines; /* the monitor's end and the session's */
	int listener, agent; /* the agent's socket, and its connection */
	int syslog;
	pid_t helper;
	struct session_start start;
};

static void
bind_at(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void
agent_listens(struct world *world)
{
	world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind_at(world->listener, world->agent_path);
	assert_int_equal(listen(world->listener, 8), 0);
}

/* run_helper: as main() does, in a child. */
static void
run_helper(struct world *world, int control, int lines, uid_t owner)
{
	const struct helper_surroundings where = {
		.control = 3, .lines = 4, .agent_path = world->agent_path, .agent_owner = owner,
		.syslog_path = world->syslog_path,
	};

	world->helper = fork();
	assert_true(world->helper >= 0);
	if (world->helper > 0)
		return;
	if (dup2(control, 13) != 13 || dup2(lines, 14) != 14 || dup2(13, 3) != 3 || dup2(14, 4) != 4 ||
	    sandbox_prepare(5) != 0)
		_exit(99);
	lines_prepare(4);
	if (sandbox_enter() != 0)
		_exit(99);
	syscall(SYS_exit_group, helper_run(&world->start, &where));
}

static void
begin_for(struct world *world, bool required, uint32_t grace, uid_t owner)
{
	int control[2], lines[2];

	memset(world, 0, sizeof(*world));
	snprintf(world->folder, sizeof(world->folder), "/tmp/berth-session-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->agent_path, sizeof(world->agent_path), "%s/agent.sock", world->folder);
	snprintf(world->syslog_path, sizeof(world->syslog_path), "%s/log", world->folder);
	world->syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bind_at(world->syslog, world->syslog_path);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lines), 0);
	world->listener = world->agent = -1;
	world->start.session = identity;
	world->start.required = required;
	world->start.grace = grace;
	strcpy(world->start.landing, "/home");
	run_helper(world, control[1], lines[1], owner);
	close(control[1]);
	close(lines[1]);
	world->control = control[0];
	world->lines = lines[0];
}

static void
begin(struct world *world, bool required, uint32_t grace)
{
	begin_for(world, required, grace, getuid());
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool
readable(int fd, int milliseconds)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, milliseconds) == 1;
}

/* exit_status: of the helper, which ends by itself. */
static int
exit_status(struct world *world)
{
	int64_t deadline = deadline_after(PATIENCE_MS);
	int status = -1;

	while (waitpid(world->helper, &status, WNOHANG) == 0) {
		if (deadline_left(deadline) == 0)
			fail_msg("the helper doesn't end");
		usleep(1000);
	}
	world->helper = -1;
	if (!WIFEXITED(status))
		fail_msg("wait status %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void
end(struct world *world)
{
	if (world->helper > 0) {
		kill(world->helper, SIGKILL);
		waitpid(world->helper, NULL, 0);
	}
	close_fd(&world->control);
	close_fd(&world->lines);
	close_fd(&world->listener);
	close_fd(&world->agent);
	close_fd(&world->syslog);
	unlink(world->agent_path);
	unlink(world->syslog_path);
	rmdir(world->folder);
}

/* hangs_up: the helper, without a word. */
static void
hangs_up(int fd)
{
	char byte;

	assert_true(readable(fd, PATIENCE_MS));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
}

/* The session. */

/* session_sends: false when the socket is full. */
static bool
session_sends(struct world *world, const void *data, size_t length)
{
	ssize_t count = send(world->lines, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (count < 0 && errno != EAGAIN)
		fail_msg("the helper is gone: %s", strerror(errno));
	return count == (ssize_t)length;
}

static void
session_says(struct world *world, const char *line)
{
	char datagram[9000];
	int length = snprintf(datagram, sizeof(datagram), STAMP "%s", line);

	assert_true(session_sends(world, datagram, (size_t)length));
}

static void
sftp_says(struct world *world, const char *message)
{
	char line[8900];

	snprintf(line, sizeof(line), "internal-sftp[77]: %s", message);
	session_says(world, line);
}

static void
session_is_sealed(struct world *world)
{
	static const char note[] = { '\0', SESSION_NOTE_SEALED, '1' };

	assert_true(session_sends(world, note, sizeof(note)));
}

/* The agent. */

static void
read_whole(int fd, void *data, size_t length)
{
	for (size_t got = 0; got < length; ) {
		ssize_t count;

		assert_true(readable(fd, PATIENCE_MS));
		count = recv(fd, (uint8_t *)data + got, length - got, 0);
		if (count <= 0)
			fail_msg("the helper's connection ended");
		got += (size_t)count;
	}
}

/* agent_is_asked: takes a connection and its request. */
static void
agent_is_asked(struct world *world)
{
	uint8_t header[WIRE_HEADER], payload[512];
	struct event_session session;
	struct wire_in in;
	uint16_t verb;
	uint32_t length;

	close_fd(&world->agent);
	assert_true(readable(world->listener, PATIENCE_MS));
	world->agent = accept(world->listener, NULL, NULL);
	assert_true(world->agent >= 0);
	read_whole(world->agent, header, sizeof(header));
	assert_true(wire_get_header(header, &verb, &length, sizeof(payload)));
	assert_int_equal(verb, WIRE_EVENTS);
	read_whole(world->agent, payload, length);
	wire_in_init(&in, payload, length);
	memset(&session, 0, sizeof(session));
	assert_true(event_get_session(&in, &session) && wire_in_done(&in));
	assert_memory_equal(&session, &identity, sizeof(session));
}

static void
agent_answers(struct world *world, uint16_t status, uint32_t length, uint64_t sequence)
{
	uint8_t answer[WIRE_HEADER + 8];
	struct wire_out out;

	wire_out_init(&out, answer, sizeof(answer));
	wire_put_header(&out, status, length);
	if (length == 8)
		wire_put_u64(&out, sequence);
	assert_int_equal(send(world->agent, answer, out.used, MSG_NOSIGNAL), out.used);
}

static void
agent_accepts(struct world *world, uint64_t sequence)
{
	agent_is_asked(world);
	agent_answers(world, WIRE_OK, 8, sequence);
}

static void
agent_has(struct world *world, uint64_t sequence)
{
	assert_int_equal(send(world->agent, &sequence, sizeof(sequence), MSG_NOSIGNAL), sizeof(sequence));
}

/* agent_reads: the next event; its strings live until the next call. */
static struct event
agent_reads(struct world *world)
{
	static uint8_t data[EVENT_BYTES_MAX];
	static char memory[EVENT_BYTES_MAX];
	struct event event;
	uint32_t length;

	read_whole(world->agent, &length, sizeof(length));
	assert_true(length <= sizeof(data));
	read_whole(world->agent, data, length);
	assert_true(event_get(data, length, &event, memory));
	return event;
}

static struct event
agent_gets(struct world *world, uint64_t sequence, enum event_operation operation, const char *path)
{
	struct event event = agent_reads(world);

	assert_int_equal(event.sequence, sequence);
	assert_string_equal(event_operation_name(event.operation), event_operation_name(operation));
	assert_string_equal(event.path, path);
	return event;
}

static char
monitor_is_told(struct world *world)
{
	char byte = 0;

	assert_true(readable(world->control, PATIENCE_MS));
	assert_int_equal(recv(world->control, &byte, 1, 0), 1);
	return byte;
}

static const char *
syslog_gets(struct world *world)
{
	static char line[9000];
	ssize_t count;

	assert_true(readable(world->syslog, PATIENCE_MS));
	count = recv(world->syslog, line, sizeof(line) - 1, 0);
	assert_true(count >= 0);
	line[count] = '\0';
	return line;
}

static void
a_session(void **state)
{
	struct world world;
	struct event event;

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	sftp_says(&world, "open \"a\" flags WRITE mode 0644");
	sftp_says(&world, "close \"a\" bytes read 0 written 5");
	event = agent_gets(&world, 2, EVENT_PUT, "/home/a"); /* after it has settled */
	assert_true(event.bytes == 5 && strcmp(event.status, "ok") == 0);
	session_says(&world, "sshd[12]: " OWN "bye\n");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[12]: " OWN "bye");
	session_says(&world, "sudo[12]: root : TTY=pts/0");
	session_says(&world, "sshd-session[12]: Disconnected from user alice 192.0.2.1 port 4022");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd-session[12]: Disconnected from user alice 192.0.2.1 port 4022");
	sftp_says(&world, "error: Unknown message 3");
	assert_non_null(strstr(syslog_gets(&world), "a session says user=alice session=0123456789abcdef program=internal-sftp "
	    "line=\"error: Unknown message 3\""));
	close_fd(&world.lines);
	agent_gets(&world, 3, EVENT_OTHER, "");
	event = agent_gets(&world, 4, EVENT_SESSION_CLOSE, "");
	assert_true(event.totals.files_put == 1 && event.totals.bytes_put == 5 && event.totals.operations == 2);
	agent_has(&world, 3);
	usleep(100 * 1000);
	assert_int_equal(waitpid(world.helper, NULL, WNOHANG), 0);
	agent_has(&world, 4);
	close_fd(&world.control);
	assert_int_equal(exit_status(&world), 0);
	assert_false(readable(world.syslog, 0));
	end(&world);
}

/* The monitor is there yet, and holds an end of the lines: it can only be shutdown(2), called in the session. */
static void
a_session_that_cuts_its_log_off(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
	close_fd(&world.lines);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_SESSION_CLOSE, "");
	agent_has(&world, 2);
	assert_int_equal(exit_status(&world), 0);
	assert_non_null(strstr(syslog_gets(&world), "a session has cut off its own transfer log: user=alice session="));
	end(&world);
}

static void
a_session_that_was_never_one(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_says(&world, "sshd[12]: Postponed publickey");
	close_fd(&world.lines);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
an_agent_that_comes_and_goes(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	sftp_says(&world, "opendir \"/two\"");
	usleep(300 * 1000);
	agent_listens(&world);
	agent_accepts(&world, 0);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_accepts(&world, 1); /* it had written one, and was killed */
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_gets(&world, 3, EVENT_LIST, "/two");
	agent_has(&world, 3);
	sftp_says(&world, "opendir \"/three\"");
	sftp_says(&world, "rmdir name \"/four\"");
	agent_gets(&world, 4, EVENT_LIST, "/three");
	close_fd(&world.listener);
	close_fd(&world.agent);
	close_fd(&world.control); /* the monitor too: that ends nothing */
	usleep(300 * 1000);
	agent_listens(&world);
	agent_accepts(&world, 0); /* it has forgotten us; what it said it had, it has */
	agent_gets(&world, 4, EVENT_LIST, "/three");
	agent_gets(&world, 5, EVENT_RMDIR, "/four");
	close_fd(&world.lines);
	agent_gets(&world, 6, EVENT_SESSION_CLOSE, "");
	agent_accepts(&world, 6);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
agents_that_are_none(void **state)
{
	static const struct {
		uint16_t status;
		uint32_t length;
		uint64_t sequence;
	} answers[] = {
		{ WIRE_UNAVAILABLE, 0, 0 }, { WIRE_DENIED, 8, 0 }, { WIRE_OK, 0, 0 }, { WIRE_OK, 8, 3 },
		{ WIRE_OK, 8, UINT64_MAX },
		{ WIRE_OK, 100, 0 },
	};
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	usleep(300 * 1000); /* two events */
	agent_listens(&world);
	for (size_t i = 0; i < COUNT(answers); i++) {
		agent_is_asked(&world);
		agent_answers(&world, answers[i].status, answers[i].length, answers[i].sequence);
		hangs_up(world.agent);
	}
	agent_is_asked(&world);
	assert_int_equal(send(world.agent, "HTTP/1.1 200 OK\r\n\r\n", 19, 0), 19);
	assert_false(readable(world.control, 0));
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_has(&world, 3); /* what it was never sent */
	hangs_up(world.agent);
	agent_accepts(&world, 0);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	end(&world);
}

static void
an_agent_of_somebody_else(void **state)
{
	struct world world;

	(void)state;
	begin_for(&world, false, 30, getuid() + 1);
	agent_listens(&world);
	for (int i = 0; i < 2; i++) {
		assert_true(readable(world.listener, PATIENCE_MS));
		world.agent = accept(world.listener, NULL, NULL);
		hangs_up(world.agent);
		close_fd(&world.agent);
	}
	end(&world);
}

static void
a_log_that_is_lost(void **state)
{
	struct world world;
	int64_t started;
	const char *line;

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world); /* and never answers: it is stopped */
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	started = deadline_now();
	close_fd(&world.lines);
	close_fd(&world.control);
	assert_int_equal(exit_status(&world), 1);
	assert_in_range(deadline_now() - started, HELPER_LINGER_MS - 50, PATIENCE_MS);
	line = syslog_gets(&world);
	assert_non_null(strstr(line, "<83>berth-session["));
	assert_non_null(strstr(line, "transfer log lost user=alice session=0123456789abcdef events=3 "
	    "reason=\"the agent is away, or can't write its file\""));
	end(&world);
}

/* must_end: the helper of a required log ends the session in a second. */
static void
must_end(struct world *world, const char *reason)
{
	int64_t started = deadline_now();
	const char *line;

	assert_int_equal(monitor_is_told(world), SESSION_END);
	assert_in_range(deadline_now() - started, 500, PATIENCE_MS);
	line = syslog_gets(world);
	assert_non_null(strstr(line, "user=alice session=0123456789abcdef"));
	assert_non_null(strstr(line, reason));
	assert_false(readable(world->control, 300)); /* once */
}

static void
required_and_no_agent(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	must_end(&world, "the agent is away");
	end(&world);
}

static void
required_and_the_agent_goes(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_has(&world, 1);
	assert_false(readable(world.control, 1500)); /* idle is well */
	close_fd(&world.listener);
	close_fd(&world.agent);
	must_end(&world, "the agent is away");
	end(&world);
}

static void
required_and_nothing_is_written_down(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
	must_end(&world, "events=1");
	end(&world);
}

static void
required_and_a_process_that_gave_up(void **state)
{
	static const char note[] = { '\0', SESSION_NOTE_LOST, 1, 0, 0, 0 };
	struct world world;
	const char *line;

	(void)state;
	begin(&world, true, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
	assert_true(session_sends(&world, note, sizeof(note)));
	assert_true(session_sends(&world, note, sizeof(note)));
	line = syslog_gets(&world);
	assert_non_null(strstr(line, "has ended itself, as its transfer log can't be kept: user=alice session=0123456789abcdef"));
	assert_false(readable(world.syslog, 300)); /* once */
	end(&world);
}

/* say_many: until the session's socket is full for good; how many lines that took, at most `most`. */
static unsigned
say_many(struct world *world, unsigned most)
{
	char path[400], line[600];
	int64_t waited = 0;
	unsigned said = 0;

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	while (said < most && waited < 300) {
		int length = snprintf(line, sizeof(line), STAMP "internal-sftp[77]: opendir \"/%u%s\"", said, path);

		if (session_sends(world, line, (size_t)length)) {
			said++;
			waited = 0;
			continue;
		}
		usleep(1000);
		waited++;
	}
	return said;
}

static void
a_full_queue_of_best_effort(void **state)
{
	struct world world;
	uint64_t dropped = 0, lists = 0, sequence = 0;
	struct event event = { 0 };

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world);
	session_is_sealed(&world);
	assert_int_equal(say_many(&world, 12000), 12000); /* of some 500 bytes each; the session doesn't notice */
	agent_accepts(&world, 0);
	close_fd(&world.lines);
	while (event.operation != EVENT_SESSION_CLOSE) {
		event = agent_reads(&world);
		assert_int_equal(event.sequence, ++sequence);
		if (event.operation == EVENT_LIST)
			lists++;
		if (event.operation == EVENT_DROPPED)
			dropped += event.totals.dropped;
	}
	assert_true(dropped > 1000 && lists > 1000);
	assert_int_equal(dropped + lists, 12000);
	assert_int_equal(event.totals.dropped, dropped);
	assert_int_equal(event.totals.operations, 12000);
	agent_has(&world, sequence);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
a_full_queue_of_a_required_log(void **state)
{
	struct world world;
	uint64_t lists = 0, sequence = 0;
	struct event event = { 0 };
	unsigned said;

	(void)state;
	begin(&world, true, 30);
	agent_listens(&world);
	session_is_sealed(&world);
	said = say_many(&world, 20000);
	assert_in_range(said, 1000, 19999); /* the session has to wait */
	agent_accepts(&world, 0);
	close_fd(&world.lines);
	while (event.operation != EVENT_SESSION_CLOSE) {
		event = agent_reads(&world);
		assert_int_equal(event.sequence, ++sequence);
		lists += event.operation == EVENT_LIST;
		agent_has(&world, sequence);
	}
	assert_int_equal(lists, said);
	assert_int_equal(event.totals.dropped, 0);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

/* A session that has to end, ends: a queue that is full must not keep its helper from seeing that. */
static void
a_full_queue_and_no_agent(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	session_is_sealed(&world);
	say_many(&world, 20000);
	close_fd(&world.control);
	close_fd(&world.lines);
	assert_int_equal(exit_status(&world), 1);
	end(&world);
}

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
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
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
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
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
	begin(&world, false, 30);
	agent_listens(&world);
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	session_is_sealed(&world);
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

static void
a_syslog_that_is_restarted_or_full(void **state)
{
	struct world world;
	const char *line;
	unsigned lost;
	int got = 0;

	(void)state;
	begin(&world, false, 30);
	session_says(&world, "sshd[1]: " OWN "first");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "first");
	close_fd(&world.syslog);
	world.syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bind_at(world.syslog, world.syslog_path);
	session_says(&world, "sshd[1]: " OWN "second");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "second");

	/* More than its queue holds, and than is passed on at once. */
	for (int i = 0; i < 2000; i++) {
		session_says(&world, "sshd[1]: " OWN "flood");
		usleep(50);
	}
	usleep(100 * 1000);
	while (readable(world.syslog, 50)) {
		assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "flood");
		got++;
	}
	session_says(&world, "sshd[1]: " OWN "last");
	line = syslog_gets(&world);
	assert_int_equal(sscanf(strstr(line, "lost="), "lost=%u", &lost), 1);
	assert_int_equal(got + (int)lost, 2000);
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "last");
	end(&world);
}

/* Code in a session can claim anything to be sshd's. What it says of others, or with more in it, is quoted as the session's. */
static void
what_is_not_surely_sshds_is_quoted(void **state)
{
	static const char *const lies[] = {
		"Failed password for root from 203.0.113.9 port 22 ssh2", "Received disconnect from 203.0.113.9 port 4022:11: bye",
		"Received disconnect from 192.0.2.1 port 40220:11: bye", "Disconnected from user bob 192.0.2.1 port 4022",
		"Disconnected from user alice 192.0.2.1 port 4022 and more", "Disconnected from user alice 192.0.2.1 port 402",
		"x\n<86>Nov 22 10:30:00 sshd[1]: " OWN, "a \"quoted\" word", "",
	};
	struct world world;
	const char *line;

	(void)state;
	begin(&world, false, 30);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text), "sshd[1]: %s", lies[i]);
		session_says(&world, text);
		line = syslog_gets(&world);
		assert_non_null(strstr(line, "]: a session says user=alice session=0123456789abcdef program=sshd line=\""));
		assert_non_null(strstr(line, "berth-session["));
		assert_null(strchr(line, '\n'));
		assert_ptr_equal(strchr(strstr(line, "line=\"") + 6, '"'), line + strlen(line) - 1);
	}
	end(&world);
}

static void
what_a_line_may_do_to_who_reads_it(void **state)
{
	static const struct {
		const char *datagram, *passed;
	} lines[] = {
		{ "<86>Nov 22 10:30:00 sshd[1]: line", "<86>sshd[1]: line" },
		{ "<80>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<0>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<6>Nov 22 10:30:00 sshd[1]: line", "<86>sshd[1]: line" },
		{ "<65536>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<86>su[1]: is root  sshd[1]: line", "<86>sshd[1]: line" },
		{ "<86>Nov 22 10:30:00 sshd[1]: \033]0;\302\2332J\342\200\256", "<86>sshd[1]: ?]0;??2J???" },
	};
	struct world world;
	struct syslog_line line;
	struct host_log log;

	(void)state;
	begin(&world, false, 30);
	host_log_open(&log, world.syslog_path, 1000);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!syslog_line_parse(lines[i].datagram, strlen(lines[i].datagram), &line))
			fail_msg("%s", lines[i].datagram);
		host_log_pass(&log, &line, 1000);
		assert_string_equal(syslog_gets(&world), lines[i].passed);
	}
	assert_true(syslog_line_parse(lines[2].datagram, strlen(lines[2].datagram), &line));
	host_log_quote(&log, &line, &world.start.session, 1000);
	assert_int_equal(strncmp(syslog_gets(&world), "<82>berth-session[", 18), 0);
	host_log_close(&log);
	end(&world);
}

static void
no_flood_of_syslog(void **state)
{
	struct world world;
	static const char datagram[] = STAMP "sshd[1]: line";
	struct syslog_line line;
	struct host_log log;
	int64_t now = 1000;
	int got = 0;

	(void)state;
	begin(&world, false, 30);
	assert_true(syslog_line_parse(datagram, strlen(datagram), &line));
	host_log_open(&log, world.syslog_path, now);
	for (int i = 0; i < 2 * HOST_LOG_BURST; i++) {
		host_log_pass(&log, &line, now);
		while (readable(world.syslog, 0)) {
			syslog_gets(&world);
			got++;
		}
	}
	assert_int_equal(got, HOST_LOG_BURST);
	assert_int_equal(log.lost, HOST_LOG_BURST);
	now += 1000;
	host_log_pass(&log, &line, now);
	assert_non_null(strstr(syslog_gets(&world), "lost=1000"));
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: line");
	for (int i = 1; i < 2 * HOST_LOG_PER_SECOND; i++) {
		host_log_pass(&log, &line, now);
		assert_int_equal(readable(world.syslog, 0), i < HOST_LOG_PER_SECOND);
		if (i < HOST_LOG_PER_SECOND)
			syslog_gets(&world);
	}
	host_log_say(&log, LOG_ERR, "key=%s", "a\nb"); /* its own are few */
	assert_non_null(strstr(syslog_gets(&world), "lost="));
	assert_non_null(strstr(syslog_gets(&world), "]: key=a?b"));
	host_log_close(&log);
	end(&world);
}

/* What it is told at its start. */

struct told {
	uint32_t version, required, grace, count;
	const char *landing, *entry, *target;
	const struct event_session *session;
};

static const struct told good_start = { SESSION_START_VERSION, 1, 30, 2, "/home", "/in", "/srv/in", &identity };

static int
told_file(const struct told *told, size_t *length)
{
	uint8_t memory[20000];
	struct wire_out out;
	int fd = memfd_create("start", MFD_CLOEXEC);

	wire_out_init(&out, memory, sizeof(memory));
	wire_put_u32(&out, told->version);
	event_put_session(&out, told->session);
	wire_put_u32(&out, told->required);
	wire_put_u32(&out, told->grace);
	wire_put_string(&out, told->landing);
	wire_put_u32(&out, told->count);
	for (int i = 0; i < 2; i++) {
		wire_put_string(&out, i == 0 ? told->entry : "/a");
		wire_put_string(&out, i == 0 ? told->target : "/srv/a");
	}
	assert_false(out.overflow);
	assert_int_equal(write(fd, memory, out.used), out.used);
	*length = out.used;
	return fd;
}

static bool
is_told(const struct told *told)
{
	struct session_start start;
	size_t length;
	int fd = told_file(told, &length);
	bool good = session_start_read(fd, &start) == NULL;

	session_start_free(&start);
	close(fd);
	return good;
}

static void
a_good_start(void **state)
{
	struct session_start start;
	char target[100];
	size_t length;
	int fd = told_file(&good_start, &length);

	(void)state;
	assert_null(session_start_read(fd, &start));
	assert_memory_equal(&start.session, &identity, sizeof(identity));
	assert_true(start.required && start.grace == 30);
	assert_string_equal(start.landing, "/home");
	assert_true(places_target(&start.places, "/in/x", target, sizeof(target)));
	assert_string_equal(target, "/srv/in/x");
	session_start_free(&start);
	while (length-- > 0) {
		assert_int_equal(ftruncate(fd, (off_t)length), 0);
		assert_non_null(session_start_read(fd, &start));
	}
	close(fd);
	assert_non_null(session_start_read(-1, &start));
}

static void
bad_starts(void **state)
{
	struct event_session nobody = identity;
	char longest[EVENT_PATH_MAX + 2];
	struct told told;

	(void)state;
	memset(longest, 'l', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	strcpy(nobody.user, "no body");
#define BAD(member, value) do { told = good_start; told.member = (value); assert_false(is_told(&told)); } while (0)
	BAD(version, SESSION_START_VERSION + 1);
	BAD(session, &nobody);
	BAD(required, 2);
	BAD(grace, 0);
	BAD(grace, 3601);
	BAD(landing, "home");
	BAD(landing, longest);
	BAD(count, 1);
	BAD(count, 3);
	BAD(count, MAPPINGS_MAX + 1);
	BAD(count, UINT32_MAX);
	BAD(entry, "in");
	BAD(entry, "");
	BAD(entry, longest);
	BAD(target, "srv");
#undef BAD
	told = good_start;
	told.landing = "";
	assert_true(is_told(&told));
}

/* The queue. */

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

/* The sandbox. */

static int
sandboxed(long number, unsigned long first, unsigned long second, unsigned long third)
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (sandbox_prepare(3) != 0 || sandbox_enter() != 0)
			syscall(SYS_exit_group, 99);
		number = syscall(number, first, second, third, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		syscall(SYS_exit_group, number >= 0 ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
what_kills(void **state)
{
	const unsigned long self = (unsigned long)getpid();
	const struct {
		const char *name;
		long number;
		unsigned long arguments[3];
	} calls[] = {
		{ "kill", SYS_kill, { self, 0, 0 } }, { "tgkill", SYS_tgkill, { self, self, 0 } },
		{ "ptrace", SYS_ptrace, { 0, 0, 0 } },
		{ "process_vm_writev", SYS_process_vm_writev, { self, 0, 0 } }, { "openat", SYS_openat, { 0, 0, 0 } },
		{ "pidfd_open", SYS_pidfd_open, { self, 0, 0 } }, { "prlimit64", SYS_prlimit64, { self, 0, 0 } },
		{ "socket INET", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
		{ "socket NETLINK", SYS_socket, { AF_NETLINK, 3, 0 } },
		{ "clone", SYS_clone, { SIGCHLD, 0, 0 } }, { "execve", SYS_execve, { 0, 0, 0 } },
		{ "mmap to execute", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC } },
		{ "mprotect", SYS_mprotect, { 0, 4096, 7 } },
		{ "bind", SYS_bind, { 0, 0, 0 } }, { "setsockopt", SYS_setsockopt, { 0, 0, 0 } },
		{ "fcntl", SYS_fcntl, { 0, 8, self } },
		{ "write", SYS_write, { 1, 0, 0 } }, { "io_uring_setup", SYS_io_uring_setup, { 1, 0, 0 } },
		{ "unknown", 999, { 0 } },
#ifdef __x86_64__
		{ "getpid of x32", 0x40000000 | SYS_getpid, { 0 } },
#endif
	};

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		int status = sandboxed(calls[i].number, calls[i].arguments[0], calls[i].arguments[1], calls[i].arguments[2]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS || WCOREDUMP(status))
			fail_msg("%s: wait status %#x", calls[i].name, (unsigned)status);
	}
}

static void
what_does_not(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(sandboxed(SYS_getpid, 0, 0, 0)), 1);
	assert_int_equal(WEXITSTATUS(sandboxed(SYS_socket, AF_UNIX, SOCK_STREAM, 0)), 1);
	assert_int_equal(WEXITSTATUS(sandboxed(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE)), 1);
	assert_int_equal(WEXITSTATUS(sandboxed(SYS_close, 200, 0, 0)), 2);
}

int
main(void)
{
	const struct CMUnitTest sessions[] = {
		cmocka_unit_test(a_session),
		cmocka_unit_test(a_session_that_cuts_its_log_off),
		cmocka_unit_test(a_session_that_was_never_one),
		cmocka_unit_test(an_agent_that_comes_and_goes),
		cmocka_unit_test(agents_that_are_none),
		cmocka_unit_test(an_agent_of_somebody_else),
		cmocka_unit_test(a_log_that_is_lost),
		cmocka_unit_test(required_and_no_agent),
		cmocka_unit_test(required_and_the_agent_goes),
		cmocka_unit_test(required_and_nothing_is_written_down),
		cmocka_unit_test(required_and_a_process_that_gave_up),
		cmocka_unit_test(a_full_queue_of_best_effort),
		cmocka_unit_test(a_full_queue_of_a_required_log),
		cmocka_unit_test(a_full_queue_and_no_agent),
		cmocka_unit_test(descriptors_are_not_taken),
		cmocka_unit_test(descriptors_that_get_in_are_closed),
		cmocka_unit_test(datagrams_that_are_no_lines),
		cmocka_unit_test(times_are_the_senders),
		cmocka_unit_test(a_busy_session_does_not_wake_it_for_each_line),
		cmocka_unit_test(a_syslog_that_is_restarted_or_full),
		cmocka_unit_test(what_is_not_surely_sshds_is_quoted),
		cmocka_unit_test(what_a_line_may_do_to_who_reads_it),
		cmocka_unit_test(no_flood_of_syslog),
	};
	const struct CMUnitTest parts[] = {
		cmocka_unit_test(a_good_start),
		cmocka_unit_test(bad_starts),
		cmocka_unit_test(a_queue_sent_in_pieces),
		cmocka_unit_test(a_queue_used_for_long),
		cmocka_unit_test(a_queue_that_is_full),
		cmocka_unit_test(what_kills),
		cmocka_unit_test(what_does_not),
	};
	int failed = cmocka_run_group_tests_name("parts of the helper", parts, NULL, NULL);

	signal(SIGPIPE, SIG_IGN);
	return failed + cmocka_run_group_tests_name("sessions", sessions, NULL, NULL);
}
