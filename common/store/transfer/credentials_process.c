#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/transfer/credentials_source.h"
#include "common/wire/deadline.h"

#define OUTPUT_MAX 65536
#define ERRORS_MAX 512 /* of what it says on stderr; the rest is read and forgotten */
#define SHOWN_MAX  200
#define STOP_MS    100 /* how soon it is seen that nobody wants it any more */

struct run {
	struct source_search *search;
	const char *name;
	pid_t pid;
	int pidfd, out, err;
	int64_t deadline;
	char output[OUTPUT_MAX + 1];
	size_t output_length;
	char errors[ERRORS_MAX + 1];
	size_t errors_length;
};

/* A pipe whose end that is read doesn't wait. */
static int
make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	return -1;
}

/* Returns 0, or an errno. Signals are as they are after login: neither blocked nor ignored. */
static int
spawn(pid_t *pid, const char *command, int out, int err)
{
	char *const arguments[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int problem;

	sigfillset(&all);
	sigemptyset(&none);
	if ((problem = posix_spawn_file_actions_init(&actions)) != 0)
		return problem;
	if ((problem = posix_spawnattr_init(&attributes)) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return problem;
	}
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if ((problem = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
	    (problem = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
	    (problem = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO)) == 0 &&
	    (problem = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) == 0)
		problem = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return problem;
}

/* Itself and its group. It isn't reaped yet, so its number is nobody else's. */
static void
end(struct run *run, int *status)
{
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL); /* it may not have its group yet */
	while (waitpid(run->pid, status, 0) == -1 && errno == EINTR)
		;
}

/* Returns 0, or an errno. */
static int
start(struct run *run, const char *command)
{
	int out[2], err[2], problem, status;

	if (make_pipe(out) == -1)
		return errno;
	if (make_pipe(err) == -1) {
		problem = errno;
		close(out[0]);
		close(out[1]);
		return problem;
	}
	problem = spawn(&run->pid, command, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	if (problem == 0 && (run->pidfd = pidfd_open(run->pid, 0)) == -1) {
		problem = errno;
		end(run, &status);
	}
	run->out = out[0];
	run->err = err[0];
	if (problem != 0) {
		close(run->out);
		close(run->err);
	}
	return problem;
}

/* What is there now. False: more than may be kept. At the end the descriptor becomes -1, which poll(2) passes over. */
static bool
drain(int *file, char *to, size_t *length, size_t max)
{
	char rest[4096];
	ssize_t count;
	bool fits = true;

	while (*file != -1) {
		if (*length < max)
			count = read(*file, to + *length, max - *length);
		else
			count = read(*file, rest, sizeof(rest));
		if (count == -1 && errno == EINTR)
			continue;
		if (count == -1)
			break; /* EAGAIN */
		if (count == 0) {
			close(*file);
			*file = -1;
		} else if (*length < max) {
			*length += (size_t)count;
		} else {
			explicit_bzero(rest, sizeof(rest));
			fits = false;
			break; /* one that never stops talking doesn't keep this loop */
		}
	}
	return fits;
}

/* Until it has ended. Returns NULL, or why it isn't waited for any longer. */
static const char *
follow(struct run *run)
{
	struct pollfd ready[3];
	bool ended = false;
	int left;

	while (!ended) {
		left = deadline_left(run->deadline);
		if (left == 0)
			return "took too long";
		ready[0] = (struct pollfd){ .fd = run->pidfd, .events = POLLIN };
		ready[1] = (struct pollfd){ .fd = run->out, .events = POLLIN };
		ready[2] = (struct pollfd){ .fd = run->err, .events = POLLIN };
		if (poll(ready, 3, left < STOP_MS ? left : STOP_MS) == -1 && errno != EINTR)
			return strerror(errno);
		if (atomic_load(run->search->stop))
			return "isn't wanted any more";
		ended = ready[0].revents != 0; /* what it printed is in the pipes by now */
		if (!drain(&run->out, run->output, &run->output_length, OUTPUT_MAX))
			return "prints too much";
		(void)drain(&run->err, run->errors, &run->errors_length, ERRORS_MAX);
	}
	return NULL;
}

/* The first line of what it said on stderr. */
static const char *
first_line(struct run *run)
{
	char *line = run->errors + strspn(run->errors, " \t\r\n");

	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static enum source_result
say(struct run *run, const char *what, int number)
{
	const char *line = first_line(run);

	return source_say(run->search, SOURCE_FAILED, "%s: credential_process %s%.*d%s%.*s", run->name, what,
	    number >= 0 ? 1 : 0, number >= 0 ? number : 0, line[0] != '\0' ? ": " : "", SHOWN_MAX, line);
}

static enum source_result
judge(struct run *run, int status, struct credentials *credentials)
{
	const char *wrong;

	if (WIFSIGNALED(status))
		return say(run, "was killed by signal ", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return say(run, "failed with status ", WEXITSTATUS(status));
	wrong = source_take_json(credentials, run->output, run->output_length, "SessionToken", true);
	if (wrong == NULL)
		return SOURCE_FOUND;
	return source_say(run->search, SOURCE_FAILED, "%s: what credential_process printed: %s", run->name, wrong);
}

static enum source_result
run_it(struct run *run, const char *command, struct credentials *credentials)
{
	int problem = start(run, command), status = 0;
	const char *wrong;

	if (problem != 0)
		return source_say(run->search, SOURCE_FAILED, "%s: credential_process can't be run: %s", run->name,
		    strerror(problem));
	wrong = follow(run);
	end(run, &status);
	close(run->pidfd);
	if (run->out != -1)
		close(run->out);
	if (run->err != -1)
		close(run->err);
	return wrong != NULL ? say(run, wrong, -1) : judge(run, status, credentials);
}

enum source_result
source_run(struct source_search *search, const char *name, const char *command, int limit_ms,
    struct credentials *credentials)
{
	struct run *run = calloc(1, sizeof(*run));
	enum source_result result;

	if (run == NULL)
		return source_say(search, SOURCE_FAILED, "%s: out of memory", name);
	run->search = search;
	run->name = name;
	run->deadline = deadline_after(limit_ms);
	result = run_it(run, command, credentials);
	explicit_bzero(run, sizeof(*run));
	free(run);
	return result;
}
