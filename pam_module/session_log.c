#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/host/paths.h"
#include "common/host/session_channel.h"
#include "common/host/whole_io.h"
#include "common/wire/deadline.h"
#include "common/wire/event.h"
#include "pam_module/line_socket.h"
#include "pam_module/path.h"
#include "pam_module/session_log.h"
#include "pam_module/target.h"

#define READY_MS      1000
#define LINES_BYTES   (2048 * 1024) /* of the lines' socket; the kernel doubles it: some 5,000 lines */
#define START_ROOM    1024         /* for all of the start data but the mappings */
#define FIRST_FREE_FD 10           /* above those that the helper is started with */

/*
 * What the helper is told.
 */

/* put_mapping: where a path of the view is on the host. A target that fits no path is left out: its paths have no target. */
static void
put_mapping(struct wire_out *out, const struct config *config, const char *entry, const char *target)
{
	char path[EVENT_TARGET_MAX + 1];

	if (!target_host_path(config, target, path, sizeof(path)))
		path[0] = '\0';
	wire_put_string(out, entry);
	wire_put_string(out, path);
}

/* put_buckets: a PATH session sees its one bucket, or all of them, where they are on the store. */
static void
put_buckets(struct wire_out *out, const struct config *config, const struct session *session)
{
	char bucket[PATH_BYTES_MAX + 1];

	if (!session_shows_all(session)) {
		snprintf(bucket, sizeof(bucket), "/%.*s", (int)strcspn(session->landing + 1, "/"), session->landing + 1);
		wire_put_u32(out, 1);
		put_mapping(out, config, bucket, bucket);
		return;
	}
	wire_put_u32(out, (uint32_t)config->bucket_count + 1);
	wire_put_string(out, "/");
	wire_put_string(out, config->data_root);
	for (size_t i = 0; i < config->bucket_count; i++) {
		snprintf(bucket, sizeof(bucket), "/%.*s", (int)sizeof(bucket) - 2, config->buckets[i].name);
		put_mapping(out, config, bucket, bucket);
	}
}

static void
put_identity(struct wire_out *out, const struct live_session *live)
{
	struct event_session session = { .client_port = live->client_port, .uid = live->uid };

	snprintf(session.id, sizeof(session.id), "%s", live->id);
	snprintf(session.server_id, sizeof(session.server_id), "%s", live->server_id);
	snprintf(session.user, sizeof(session.user), "%s", live->user);
	snprintf(session.client, sizeof(session.client), "%s", live->client);
	snprintf(session.fingerprint, sizeof(session.fingerprint), "%.*s", FINGERPRINT_MAX, live->fingerprint);
	event_put_session(out, &session);
}

static void
put_start(struct wire_out *out, const struct config *config, const struct session *session, const struct live_session *live)
{
	wire_put_u32(out, SESSION_START_VERSION);
	put_identity(out, live);
	wire_put_u32(out, config->transfer_log == TRANSFER_LOG_REQUIRED);
	wire_put_u32(out, config->transfer_log_grace);
	wire_put_string(out, session->landing[0] != '\0' ? session->landing : "/");
	if (session->home_type == WIRE_HOME_PATH) {
		put_buckets(out, config, session);
		return;
	}
	wire_put_u32(out, (uint32_t)session->mapping_count);
	for (size_t i = 0; i < session->mapping_count; i++)
		put_mapping(out, config, session->mappings[i].entry, session->mappings[i].target);
}

/* start_size: at least what put_start() writes. */
static size_t
start_size(const struct config *config, const struct session *session)
{
	size_t size = START_ROOM + strlen(session->landing) + 3 * PATH_BYTES_MAX + strlen(config->data_root), prefix, i;

	prefix = strlen(config->data_root);
	for (i = 0; i < config->bucket_count; i++) {
		size += 2 * strlen(config->buckets[i].name) + strlen(config->buckets[i].path) + prefix + 16;
		if (strlen(config->buckets[i].path) > prefix)
			prefix = strlen(config->buckets[i].path);
	}
	for (i = 0; i < session->mapping_count; i++)
		size += strlen(session->mappings[i].entry) + strlen(session->mappings[i].target) + prefix + 16;
	return size;
}

/* make_start: the start data as a file in memory, or -1 with errno. */
static int
make_start(const struct config *config, const struct session *session, const struct live_session *live)
{
	size_t size = start_size(config, session);
	struct wire_out out;
	void *memory;
	int fd = -1;

	if (size > SESSION_START_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	memory = malloc(size);
	if (memory == NULL)
		return -1;
	wire_out_init(&out, memory, size);
	put_start(&out, config, session, live);
	if (out.overflow)
		errno = EMSGSIZE;
	else
		fd = memfd_create("berth-session", MFD_CLOEXEC);
	if (fd >= 0 && (whole_write(fd, out.data, out.used) != out.used || lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		fd = -1;
	}
	free(memory);
	return fd;
}

/*
 * Starting the helper.
 */

/* move_away: the three may stand where another of them has to go. */
static int
move_away(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
		if (fds[i] < 0)
			return -1;
	}
	return 0;
}

/* place_descriptors: the three where the helper looks for them, /dev/null below, and nothing else across execve(2). */
static int
place_descriptors(int fds[3])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || move_away(fds) != 0)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], SESSION_FD_CONTROL + i) < 0)
			return -1;
	return close_range(SESSION_FD_START + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* become_helper: in the process that is to be the helper. */
static void __attribute__((noreturn))
become_helper(const struct config *config, const struct live_session *live, int fds[3], const struct log *syslog)
{
	char name[] = "berth-session", *const arguments[] = { name, NULL }, *const environment[] = { NULL };
	const struct rlimit none = { 0, 0 };
	const char *step = "descriptors";
	/* /dev/log's descriptor may be one of those that are replaced. */
	struct log kept = *syslog;
	sigset_t nothing;

	if (syslog->fd >= 0)
		kept.fd = fcntl(syslog->fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	sigemptyset(&nothing);
	sigprocmask(SIG_SETMASK, &nothing, NULL);
	umask(077);
	if (place_descriptors(fds) == 0) {
		step = config->session_user;
		if (chdir("/") == 0 && setrlimit(RLIMIT_CORE, &none) == 0 && identity_become(config->session_user) == 0) {
			step = BERTH_SESSION_HELPER;
			execve(BERTH_SESSION_HELPER, arguments, environment);
		}
	}
	log_line(&kept, LOG_ERR, "no transfer log for this session user=%s session=%s reason=\"berth-session can't be started: "
	    "%s%.100s: %s\"", live->user, live->id, step == config->session_user ? "SessionUser " : "", step,
	    step == config->session_user && errno == ENOENT ? "no such account in /etc/passwd" : strerror(errno));
	_exit(127);
}

/* start_helper: as no child of the monitor's, which waits for its own. fds: in the order of the SESSION_FD_… */
static int
start_helper(const struct config *config, const struct live_session *live, int fds[3], const struct log *syslog)
{
	pid_t child = fork(), helper;
	int status;

	if (child < 0)
		return -1;
	if (child == 0) {
		setsid();
		helper = fork();
		if (helper == 0)
			become_helper(config, live, fds, syslog);
		_exit(helper < 0 ? 1 : 0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 0; /* sshd's own handler had it first */
	if (status != 0)
		errno = EAGAIN;
	return status == 0 ? 0 : -1;
}

/*
 * A log that is required.
 */

/* wait_ready: until the agent has the session's log. */
static int
wait_ready(int control, char *reason)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	int64_t deadline = deadline_after(READY_MS);
	char word = '\0';
	int got;

	do
		got = poll(&ready, 1, deadline_left(deadline));
	while (got < 0 && errno == EINTR);
	if (got > 0 && recv(control, &word, 1, MSG_DONTWAIT) == 1 && word == SESSION_READY)
		return 0;
	snprintf(reason, REASON_MAX, "TransferLog is required, and %s", got > 0 ?
	    "berth-session ended at once: see the line before" :
	    "the agent did not take the session's log within a second: see berthd's lines");
	return -1;
}

/* end_with_helper: the kernel sends the monitor a SIGTERM when the control socket has something to read, or its end. */
static int
end_with_helper(int control, char *reason)
{
	struct pollfd over = { .fd = control, .events = POLLIN };

	if (fcntl(control, F_SETOWN, getpid()) != 0 || fcntl(control, F_SETSIG, SIGTERM) != 0 ||
	    fcntl(control, F_SETFL, O_NONBLOCK | O_ASYNC) != 0) {
		snprintf(reason, REASON_MAX, "TransferLog is required: fcntl: %s", strerror(errno));
		return -1;
	}
	/* What came before sends no signal any more. */
	if (poll(&over, 1, 0) <= 0)
		return 0;
	snprintf(reason, REASON_MAX, "TransferLog is required, and berth-session ended at once");
	return -1;
}

static void
close_both(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static int
begin(struct session_log *log, const struct config *config, const struct live_session *live, int start,
    const struct log *syslog)
{
	const int room = LINES_BYTES;
	int control[2], lines[2], fds[3];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
		return -1;
	/* Not blocking: a helper that doesn't read must not stop the session. Not datagrams: those can be aimed. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lines) != 0) {
		close_both(control);
		return -1;
	}
	/* As much as the host allows where it may not be more: then fewer lines fit. */
	(void)setsockopt(lines[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	fds[0] = control[1];
	fds[1] = lines[1];
	fds[2] = start;
	if (start_helper(config, live, fds, syslog) != 0) {
		close_both(control);
		close_both(lines);
		return -1;
	}
	close(control[1]);
	close(lines[1]);
	log->control = control[0];
	log->lines = lines[0];
	log->begun = true;
	return 0;
}

int
session_log_begin(struct session_log *log, const struct config *config, const struct session *session,
    const struct live_session *live, const struct log *syslog, char *reason)
{
	int start, result = -1;

	*log = (struct session_log){ .required = config->transfer_log == TRANSFER_LOG_REQUIRED, .control = -1, .lines = -1 };
	if (config->transfer_log == TRANSFER_LOG_OFF)
		return 0;
	start = make_start(config, session, live);
	if (start >= 0) {
		result = begin(log, config, live, start, syslog);
		close(start);
	}
	if (result != 0) {
		snprintf(reason, REASON_MAX, "berth-session can't be started: %s", strerror(errno));
		return -1;
	}
	if (!log->required || (wait_ready(log->control, reason) == 0 && end_with_helper(log->control, reason) == 0))
		return 0;
	session_log_end(log);
	return -1;
}

/* stuck: whether the helper has left so many lines that the next one ends the process that logs it. */
static bool
stuck(const struct session_log *log)
{
	socklen_t size = sizeof(int);
	int used, room;

	return ioctl(log->lines, SIOCOUTQ, &used) == 0 && getsockopt(log->lines, SOL_SOCKET, SO_SNDBUF, &room, &size) == 0 &&
	    used >= LINE_SOCKET_FULL(room);
}

static const char *
what_happened(const struct session_log *log)
{
	char word = '\0';
	ssize_t got;

	do
		got = recv(log->control, &word, 1, MSG_DONTWAIT);
	while (got == 1 && word == SESSION_READY);
	if (got == 0)
		return log->required ? "TransferLog is required, and berth-session was ended" :
		    "berth-session ended before the session did";
	if (got == 1)
		return "TransferLog is required, and the agent wrote nothing down for TransferLogGrace seconds";
	return log->required && stuck(log) ? "TransferLog is required, and berth-session stands still" : NULL;
}

const char *
session_log_end(struct session_log *log)
{
	const char *what;

	if (!log->begun)
		return NULL;
	/* From here on its end is no news. */
	if (log->required)
		(void)fcntl(log->control, F_SETFL, O_NONBLOCK);
	/* The sealed process has none. */
	what = log->control >= 0 ? what_happened(log) : NULL;
	close(log->lines);
	close(log->control);
	log->begun = false;
	log->control = log->lines = -1;
	return what;
}

/*
 * The sealed process.
 */

int
session_log_enter(struct session_log *log, const struct config *config, char *reason)
{
	if (!log->begun && config->transfer_log == TRANSFER_LOG_REQUIRED) {
		snprintf(reason, REASON_MAX, "TransferLog is required, and was not begun for this session");
		return -2;
	}
	if (!log->begun)
		return -1;
	/* The monitor's alone: who holds it could say that the session must end. */
	close(log->control);
	log->control = -1;
	if (line_socket_install(log->lines, log->required) == 0)
		return log->lines;
	snprintf(reason, REASON_MAX, "the transfer log's socket: %s", strerror(errno));
	return -2;
}

void
session_log_sealed(const struct session_log *log, bool lands)
{
	if (log->begun)
		(void)line_socket_note(SESSION_NOTE_SEALED, lands ? "1" : "0", 1);
}
