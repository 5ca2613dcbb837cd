#include "admin_cmd/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/wire/deadline.h"

#define REAP_MS       500 /* what is killed is gone by then, unless nothing ends it */
#define STATUS_NOBODY 127 /* it couldn't become the user */

void *
child_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void
child_memory_free(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, size);
}

static void __attribute__((noreturn))
be_child(const char *user, child_function *function, void *context, int *problem)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (user != NULL && identity_become(user) != 0) {
		*problem = errno;
		_exit(STATUS_NOBODY);
	}
	/* After the change of user, which would undo it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(function(context));
}

/* has_ended: whether it does within the time. */
static int
has_ended(int pidfd, int ms)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int64_t deadline = deadline_after(ms);
	int count;

	do
		count = poll(&end, 1, deadline_left(deadline));
	while (count < 0 && errno == EINTR);
	return count > 0;
}

/* reap: its status as child_run() returns it. */
static int
reap(pid_t pid)
{
	int status;
	pid_t ended;

	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int
attend(pid_t pid, int seconds)
{
	int pidfd = pidfd_open(pid, 0), status = -1, problem = errno;

	if (pidfd >= 0 && has_ended(pidfd, seconds * 1000)) {
		status = reap(pid);
		problem = errno;
	} else {
		if (pidfd >= 0)
			problem = ETIMEDOUT;
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL); /* before it led its group */
		if (pidfd < 0 || has_ended(pidfd, REAP_MS))
			(void)reap(pid);
	}
	if (pidfd >= 0)
		close(pidfd);
	errno = problem;
	return status;
}

int
child_run(const char *user, int seconds, child_function *function, void *context)
{
	int *refused = child_memory(sizeof(*refused)), status = -1, problem;
	pid_t pid;

	if (refused == NULL)
		return -1;
	pid = fork();
	if (pid == 0)
		be_child(user, function, context, refused);
	if (pid > 0)
		status = attend(pid, seconds);
	problem = errno;
	if (status == STATUS_NOBODY && *refused != 0) {
		problem = *refused;
		status = -1;
	}
	child_memory_free(refused, sizeof(*refused));
	errno = problem;
	return status;
}

struct question {
	child_answer *function;
	void *context;
	char *answer;
	size_t size;
};

static int
write_answer(void *context)
{
	const struct question *question = context;
	FILE *out = fmemopen(question->answer, question->size, "w");
	int status;

	if (out == NULL)
		return STATUS_NOBODY;
	status = question->function(question->context, out);
	fflush(out);
	return status;
}

int
child_ask(child_answer *function, void *context, char *answer, size_t size)
{
	struct question question = { .function = function, .context = context, .answer = child_memory(size), .size = size };
	int status = -1;

	fflush(NULL);
	if (question.answer != NULL)
		status = child_run(NULL, CHILD_SECONDS, write_answer, &question);
	if (status >= 0 && status < 128)
		snprintf(answer, size, "%.*s", (int)size - 1, question.answer);
	else if (status >= 128)
		snprintf(answer, size, "was ended by signal %d", status - 128);
	else if (errno == ETIMEDOUT)
		snprintf(answer, size, "gave no answer in %d seconds", CHILD_SECONDS);
	else
		snprintf(answer, size, "can't be asked: %s", strerror(errno));
	child_memory_free(question.answer, size);
	return status < 128 ? status : -1;
}
