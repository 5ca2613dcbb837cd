#include "admin_cmd/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/wire/deadline.h"

struct stream {
	int fd; /* -1: at its end */
	char *text;
	size_t length, size;
};

/* Standard input: a file in memory, so that nobody has to feed it. */
static int
open_input(const char *input)
{
	size_t length = input != NULL ? strlen(input) : 0;
	int fd;

	if (input == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write(fd, input, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		errno = EIO;
		return -1;
	}
	return fd;
}

/* The child: becomes the program, or tells through `report` why not. */
static void __attribute__((noreturn))
become(const char *const argv[], const char *user, const int streams[3], int report)
{
	char *const environment[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LC_ALL=C", NULL };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int problem;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &usual, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A group of its own, to be killed as one; and no terminal, into which another user's program could type. */
	setsid();
	/* What they lead to has no low number itself: see run_program(). */
	for (int fd = 0; fd < 3; fd++)
		if (dup2(streams[fd], fd) < 0)
			_exit(127);
	if (chdir("/") == 0 && (user == NULL || identity_become(user) == 0)) {
		close_range(3, (unsigned)report - 1, 0);
		close_range((unsigned)report + 1, ~0u, 0);
		execve(argv[0], (char *const *)argv, environment);
	}
	problem = errno;
	(void)!write(report, &problem, sizeof(problem));
	_exit(127);
}

/* read_some: what there is now. What goes beyond the limit is read, and forgotten. -1: no memory. */
static int
read_some(struct stream *stream)
{
	char room[16384];
	ssize_t count = read(stream->fd, room, sizeof(room));
	size_t kept;
	char *text;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (count <= 0) {
		close(stream->fd);
		stream->fd = -1;
		return 0;
	}
	kept = (size_t)count;
	if (kept > PROGRAM_OUTPUT_MAX - stream->length)
		kept = PROGRAM_OUTPUT_MAX - stream->length;
	if (stream->length + kept + 1 > stream->size) {
		text = realloc(stream->text, 2 * (stream->length + kept + 1));
		if (text == NULL)
			return -1;
		stream->text = text;
		stream->size = 2 * (stream->length + kept + 1);
	}
	memcpy(stream->text + stream->length, room, kept);
	stream->length += kept;
	stream->text[stream->length] = '\0';
	return 0;
}

/* listen_to: until both streams and the process are at their end; 1: the time is over, -1: no memory. */
static int
listen_to(struct stream *streams, int pidfd, int64_t deadline)
{
	struct pollfd polls[3];
	int left;

	for (;;) {
		polls[0] = (struct pollfd){ .fd = streams[0].fd, .events = POLLIN };
		polls[1] = (struct pollfd){ .fd = streams[1].fd, .events = POLLIN };
		polls[2] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
		left = deadline_left(deadline);
		if (left == 0)
			return 1;
		if (poll(polls, 3, left) < 0 && errno != EINTR)
			return -1;
		for (size_t i = 0; i < 2; i++)
			if (streams[i].fd >= 0 && polls[i].revents != 0 && read_some(&streams[i]) != 0)
				return -1;
		/* What it left running may hold the streams open for ever: its own end is the end. */
		if (polls[2].revents != 0 && polls[0].revents == 0 && polls[1].revents == 0)
			return 0;
	}
}

static void
take_streams(struct stream *streams, struct program_result *result)
{
	static const char nothing[] = "";

	for (size_t i = 0; i < 2; i++) {
		if (streams[i].fd >= 0)
			close(streams[i].fd);
		if (streams[i].text == NULL)
			streams[i].text = strdup(nothing);
	}
	result->output = streams[0].text;
	result->output_length = streams[0].length;
	result->errors = streams[1].text;
	result->errors_length = streams[1].length;
}

/* attend: to a process that runs, until it has ended; reaps it. */
static int
attend(pid_t pid, int out, int err, int seconds, struct program_result *result)
{
	struct stream streams[2] = { { .fd = out }, { .fd = err } };
	int pidfd = pidfd_open(pid, 0), over = -1, status = 0;
	pid_t ended;

	if (pidfd >= 0)
		over = listen_to(streams, pidfd, deadline_after((seconds > 0 ? seconds : PROGRAM_SECONDS) * 1000));
	if (over != 0)
		kill(-pid, SIGKILL);
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (pidfd >= 0)
		close(pidfd);
	take_streams(streams, result);
	if (ended != pid) {
		errno = ECHILD; /* it may have failed */
		return -1;
	}
	result->timed_out = over == 1;
	result->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (over < 0 || result->output == NULL || result->errors == NULL) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* start: the process's id, or -1 with errno. Closes what the child alone needs. */
static pid_t
start(const char *const argv[], const char *user, int streams[3], int report[2])
{
	pid_t pid = fork();
	int problem;

	if (pid == 0)
		become(argv, user, streams, report[1]);
	problem = errno;
	close(report[1]);
	if (pid > 0 && read(report[0], &problem, sizeof(problem)) == (ssize_t)sizeof(problem)) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(report[0]);
	errno = problem;
	return pid;
}

/* make_pipe: neither end has a standard descriptor's number, which the child puts others at. */
static int
make_pipe(int ends[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) != 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
	close(low[0]);
	close(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	return -1;
}

static void
close_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

int
run_program(const char *const argv[], const struct program_options *options, struct program_result *result)
{
	static const struct program_options usual;
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, report[2] = { -1, -1 }, input, low, problem;
	pid_t pid = -1;

	*result = (struct program_result){ .status = 127 };
	if (options == NULL)
		options = &usual;
	low = open_input(options->input);
	input = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, 3) : -1;
	if (low >= 0)
		close(low);
	if (input >= 0 && make_pipe(out) == 0 && make_pipe(err) == 0 && make_pipe(report) == 0) {
		pid = start(argv, options->user, (int[]){ input, out[1], err[1] }, report);
		report[0] = report[1] = -1;
	}
	problem = errno;
	close_open(input);
	close_open(out[1]);
	close_open(err[1]);
	close_open(report[0]);
	close_open(report[1]);
	if (pid > 0) {
		fcntl(out[0], F_SETFL, O_NONBLOCK);
		fcntl(err[0], F_SETFL, O_NONBLOCK);
		return attend(pid, out[0], err[0], options->seconds, result);
	}
	close_open(out[0]);
	close_open(err[0]);
	result->output = strdup("");
	result->errors = strdup("");
	errno = problem;
	return -1;
}

void
program_free(struct program_result *result)
{
	free(result->output);
	free(result->errors);
	*result = (struct program_result){ 0 };
}

const char *
program_said(struct program_result *result)
{
	char *text = result->errors;

	if (text == NULL || text[0] == '\0')
		text = result->output;
	if (text == NULL)
		return "";
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}
