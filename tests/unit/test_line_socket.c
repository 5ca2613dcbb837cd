/*
 * How a sealed process logs: with the real filter and handler, through the real syslog(3) of this libc.
 */
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/session_channel.h"
#include "pam_module/filter.h"
#include "pam_module/line_socket.h"

#define UID 5001u
#define GID 5002u
#define KEPT 77 /* a number that no descriptor has by itself */

typedef int sealed_action(int fd);

/* A sealed process and the other end of its lines. */
struct sealed {
	pid_t pid;
	int lines;
};

static struct sealed
seal(sealed_action *action, bool required)
{
	struct sealed sealed;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	sealed.lines = pair[1];
	sealed.pid = fork();
	if (sealed.pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		if (dup2(pair[0], KEPT) != KEPT || close(pair[0]) != 0 || close(pair[1]) != 0 ||
		    line_socket_install(KEPT, required) != 0 || filter_install(UID, GID, KEPT) != 0)
			_exit(200);
		_exit(action(KEPT));
	}
	assert_true(sealed.pid > 0);
	close(pair[0]);
	return sealed;
}

/* ended: the exit status, when it has one. */
static int
ended(const struct sealed *sealed)
{
	int status = -1;

	assert_int_equal(waitpid(sealed->pid, &status, 0), sealed->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static size_t
next_line(const struct sealed *sealed, char *line, size_t size)
{
	struct pollfd ready = { .fd = sealed->lines, .events = POLLIN };
	ssize_t length;

	assert_int_equal(poll(&ready, 1, 5000), 1);
	length = recv(sealed->lines, line, size - 1, 0);
	assert_true(length >= 0);
	line[length] = '\0';
	return (size_t)length;
}

static int
log_three(int fd)
{
	(void)fd;
	for (int i = 1; i <= 3; i++) {
		openlog("internal-sftp", LOG_PID, LOG_AUTH);
		syslog(LOG_INFO, "line %d", i);
		closelog();
	}
	return 0;
}

static void
syslog_reaches_the_other_end(void **state)
{
	struct sealed sealed = seal(log_three, false);
	char line[200], wanted[20];

	(void)state;
	for (int i = 1; i <= 3; i++) {
		next_line(&sealed, line, sizeof(line));
		snprintf(wanted, sizeof(wanted), "]: line %d", i);
		assert_non_null(strstr(line, "internal-sftp["));
		assert_string_equal(strstr(line, "]: "), wanted);
	}
	assert_int_equal(ended(&sealed), 0);
	assert_int_equal(recv(sealed.lines, line, sizeof(line), 0), 0);
	close(sealed.lines);
}

/* What sshd does in the child that becomes internal-sftp. */
static int
log_after_closefrom(int fd)
{
	int other = open("/dev/null", O_RDWR), high = fcntl(other, F_DUPFD, KEPT + 10);

	closefrom(STDERR_FILENO + 1);
	if (other < 0 || high < 0 || fcntl(other, F_GETFD) != -1 || fcntl(high, F_GETFD) != -1 || fcntl(fd, F_GETFD) < 0)
		return 1;
	return log_three(fd);
}

static int
log_after_close(int fd)
{
	for (int i = 3; i < 256; i++)
		close(i);
	if (close_range(fd, fd, 0) != 0 || close_range(3, fd, 0) != 0 || close_range(fd, 100, 0) != 0)
		return 1;
	if (dup2(STDIN_FILENO, fd) != -1 || errno != EBADF || dup3(STDIN_FILENO, fd, O_CLOEXEC) != -1 || errno != EBADF)
		return 2;
	return log_three(fd);
}

static void
nothing_closes_it(void **state)
{
	sealed_action *const actions[] = { log_after_closefrom, log_after_close };
	char line[200];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sealed sealed = seal(actions[i], false);

		assert_int_equal(ended(&sealed), 0);
		next_line(&sealed, line, sizeof(line));
		assert_non_null(strstr(line, "line 1"));
		close(sealed.lines);
	}
}

static int
log_without_descriptors(int fd)
{
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	return errno == EMFILE ? log_three(fd) : 1;
}

static void
no_descriptor_is_needed(void **state)
{
	struct sealed sealed = seal(log_without_descriptors, true);
	char line[200], wanted[20];

	(void)state;
	assert_int_equal(ended(&sealed), 0);
	for (int i = 1; i <= 3; i++) {
		next_line(&sealed, line, sizeof(line));
		snprintf(wanted, sizeof(wanted), "line %d", i);
		assert_non_null(strstr(line, wanted));
	}
	close(sealed.lines);
}

/* Only what syslog(3) asks for is answered; and that is no socket that could be aimed. */
static int
try_sockets(int fd)
{
	struct sockaddr_un elsewhere = { .sun_family = AF_UNIX, .sun_path = "\0somewhere" };
	int line;

	(void)fd;
	if (socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != EAFNOSUPPORT)
		return 1;
	if (socket(AF_INET, SOCK_DGRAM, 0) != -1 || errno != EAFNOSUPPORT)
		return 2;
	if (socket(AF_NETLINK, SOCK_DGRAM, 0) != -1 || errno != EAFNOSUPPORT)
		return 3;
	errno = ERANGE;
	line = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (line < 0 || errno != ERANGE)
		return 4;
	if (connect(line, (struct sockaddr *)&elsewhere, sizeof(elsewhere)) != 0)
		return 5;
	/* A connected SEQPACKET socket sends to its peer, whatever the address says. */
	if (sendto(line, "aimed", 5, 0, (struct sockaddr *)&elsewhere, sizeof(elsewhere)) != 5 && errno != EISCONN)
		return 6;
	return bind(line, (struct sockaddr *)&elsewhere, sizeof(elsewhere)) == -1 ? 0 : 7;
}

static void
only_syslogs_socket_is_given(void **state)
{
	struct sealed sealed = seal(try_sockets, false);

	(void)state;
	assert_int_equal(ended(&sealed), 0);
	close(sealed.lines);
}

/* As OpenSSH logs: a socket for each line. */
static void __attribute__((format(printf, 1, 2)))
log_one(const char *format, ...)
{
	va_list arguments;

	openlog("internal-sftp", LOG_PID, LOG_AUTH);
	va_start(arguments, format);
	vsyslog(LOG_INFO, format, arguments);
	va_end(arguments);
	closelog();
}

/* Logs much more than there is room for, waits until somebody reads, and logs once more. */
static int
log_too_much(int fd)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	for (int i = 0; i < 2000; i++)
		log_one("line %d of many", i);
	while (poll(&room, 1, 0) <= 0)
		nanosleep(&pause, NULL);
	log_one("the last line");
	return 0;
}

static void
a_reader_who_stalls_costs_lines_that_are_counted(void **state)
{
	struct sealed sealed = seal(log_too_much, false);
	unsigned lines = 0, lost = 0;
	struct timespec stall = { .tv_nsec = 900000000 };
	char line[200];

	(void)state;
	nanosleep(&stall, NULL);
	do {
		size_t length = next_line(&sealed, line, sizeof(line));

		if (line[0] == '\0') {
			uint32_t more;

			assert_int_equal(length, 2 + sizeof(more));
			assert_int_equal(line[1], SESSION_NOTE_LOST);
			memcpy(&more, line + 2, sizeof(more));
			lost += more;
		} else {
			lines++;
		}
	} while (line[0] == '\0' || strstr(line, "the last line") == NULL);
	assert_int_equal(ended(&sealed), 0);
	assert_true(lines > 50);
	assert_true(lost > 0);
	assert_int_equal(lines + lost, 2001);
	close(sealed.lines);
}

static int
log_for_long(int fd)
{
	(void)fd;
	for (int i = 0; i < 2000; i++)
		syslog(LOG_INFO, "line %d of many", i);
	return 0;
}

static int
log_many(int fd)
{
	(void)fd;
	for (int i = 0; i < 2000; i++)
		log_one("line %d of many", i);
	return 0;
}

/* There is never room again: of what was lost, half is known at least, and no more than that. */
static void
lines_lost_up_to_the_end_are_known(void **state)
{
	struct sealed sealed = seal(log_many, false);
	unsigned lines = 0, lost = 0;
	char line[200];

	(void)state;
	assert_int_equal(ended(&sealed), 0);
	while (recv(sealed.lines, line, sizeof(line), MSG_DONTWAIT | MSG_PEEK) > 0) {
		next_line(&sealed, line, sizeof(line));
		if (line[0] == '\0') {
			uint32_t more;

			memcpy(&more, line + 2, sizeof(more));
			lost += more;
		} else {
			lines++;
		}
	}
	assert_true(lines < 2000);
	assert_true(lines + lost <= 2000);
	assert_true(2 * lost >= 2000 - lines);
	close(sealed.lines);
}

static int64_t
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
a_required_line_that_cannot_go_ends_the_process_within_a_second(void **state)
{
	int64_t start = milliseconds();
	struct sealed sealed = seal(log_for_long, true);

	(void)state;
	assert_int_equal(ended(&sealed), 255);
	assert_in_range(milliseconds() - start, 500, 1500);
	close(sealed.lines);
	/* Nobody is there any more: at once. */
	sealed = seal(log_for_long, true);
	close(sealed.lines);
	start = milliseconds();
	assert_int_equal(ended(&sealed), 255);
	assert_true(milliseconds() - start < 500);
}

static void
a_dead_reader_is_no_hindrance(void **state)
{
	int64_t start = milliseconds();
	struct sealed sealed = seal(log_for_long, false);

	(void)state;
	close(sealed.lines);
	assert_int_equal(ended(&sealed), 0);
	assert_true(milliseconds() - start < 1000);
}

static int
signal_itself(int fd)
{
	(void)fd;
	/* The filter lets it send none; the parent does. */
	for (int i = 0; i < 200; i++)
		poll(NULL, 0, 10);
	return log_three(fd);
}

static void
a_sent_signal_changes_nothing(void **state)
{
	struct sealed sealed = seal(signal_itself, false);
	char line[200];

	(void)state;
	poll(NULL, 0, 100);
	assert_int_equal(kill(sealed.pid, SIGSYS), 0);
	assert_int_equal(ended(&sealed), 0);
	next_line(&sealed, line, sizeof(line));
	assert_non_null(strstr(line, "line 1"));
	close(sealed.lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syslog_reaches_the_other_end),
		cmocka_unit_test(nothing_closes_it),
		cmocka_unit_test(no_descriptor_is_needed),
		cmocka_unit_test(only_syslogs_socket_is_given),
		cmocka_unit_test(a_reader_who_stalls_costs_lines_that_are_counted),
		cmocka_unit_test(lines_lost_up_to_the_end_are_known),
		cmocka_unit_test(a_required_line_that_cannot_go_ends_the_process_within_a_second),
		cmocka_unit_test(a_dead_reader_is_no_hindrance),
		cmocka_unit_test(a_sent_signal_changes_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
