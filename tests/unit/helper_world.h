/*
 * berth-session as a process, in its sandbox: the test is its monitor, its session, its agent and its syslog. What isn't as
 * it should be, or doesn't come within PATIENCE_MS, fails the test that is running.
 */
#ifndef BERTH_TEST_HELPER_WORLD_H
#define BERTH_TEST_HELPER_WORLD_H

#include <errno.h>
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/session_channel.h"
#include "common/wire/deadline.h"
#include "session_helper/helper.h"
#include "session_helper/lines.h"
#include "session_helper/sandbox.h"
#include "session_helper/start.h"
#include "tests/unit/session_identity.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PATIENCE_MS 30000 /* for what must come, on a machine however busy */
#define PRIORITY "<86>"
#define STAMP PRIORITY "Nov 22 10:30:00 "
#define OWN "Received disconnect from 192.0.2.1 port 4022:11: " /* sshd's line of this session's end begins so */

/* Everything around one helper. */
struct world {
	char folder[32], agent_path[64], syslog_path[64];
	int control, lines; /* the monitor's end and the session's */
	int listener, agent; /* the agent's socket, and its connection */
	int syslog;
	pid_t helper;
	struct session_start start;
};

static inline void
bind_at(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static inline void
agent_listens(struct world *world)
{
	world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind_at(world->listener, world->agent_path);
	assert_int_equal(listen(world->listener, 8), 0);
}

/* run_helper: as main() does, in a child. */
static inline void
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

static inline void
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

static inline void
begin(struct world *world, bool required, uint32_t grace)
{
	begin_for(world, required, grace, getuid());
}

static inline void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline bool
readable(int fd, int milliseconds)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, milliseconds) == 1;
}

/* exit_status: of the helper, which ends by itself. */
static inline int
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

static inline void
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
static inline void
hangs_up(int fd)
{
	char byte;

	assert_true(readable(fd, PATIENCE_MS));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
}

/* session_sends: false when the socket is full. */
static inline bool
session_sends(struct world *world, const void *data, size_t length)
{
	ssize_t count = send(world->lines, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (count < 0 && errno != EAGAIN)
		fail_msg("the helper is gone: %s", strerror(errno));
	return count == (ssize_t)length;
}

static inline void
session_says(struct world *world, const char *line)
{
	char datagram[9000];
	int length = snprintf(datagram, sizeof(datagram), STAMP "%s", line);

	assert_true(session_sends(world, datagram, (size_t)length));
}

static inline void
sftp_says(struct world *world, const char *message)
{
	char line[8900];

	snprintf(line, sizeof(line), "internal-sftp[77]: %s", message);
	session_says(world, line);
}

static inline void
session_is_sealed(struct world *world)
{
	static const char note[] = { '\0', SESSION_NOTE_SEALED, '1' };

	assert_true(session_sends(world, note, sizeof(note)));
}

static inline void
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
static inline void
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

static inline void
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

static inline void
agent_accepts(struct world *world, uint64_t sequence)
{
	agent_is_asked(world);
	agent_answers(world, WIRE_OK, 8, sequence);
}

static inline void
agent_has(struct world *world, uint64_t sequence)
{
	assert_int_equal(send(world->agent, &sequence, sizeof(sequence), MSG_NOSIGNAL), sizeof(sequence));
}

/* agent_reads: the next event; its strings live until the next call. */
static inline struct event
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

static inline struct event
agent_gets(struct world *world, uint64_t sequence, enum event_operation operation, const char *path)
{
	struct event event = agent_reads(world);

	assert_int_equal(event.sequence, sequence);
	assert_string_equal(event_operation_name(event.operation), event_operation_name(operation));
	assert_string_equal(event.path, path);
	return event;
}

static inline char
monitor_is_told(struct world *world)
{
	char byte = 0;

	assert_true(readable(world->control, PATIENCE_MS));
	assert_int_equal(recv(world->control, &byte, 1, 0), 1);
	return byte;
}

static inline const char *
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

/* begin_with_agent: a session that is open, whose log the agent has accepted. */
static inline void
begin_with_agent(struct world *world, bool required, uint32_t grace)
{
	begin(world, required, grace);
	agent_listens(world);
	agent_accepts(world, 0);
	assert_int_equal(monitor_is_told(world), SESSION_READY);
	session_is_sealed(world);
}

#endif
