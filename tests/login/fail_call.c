/*
 * fail_call: runs sshd and makes one system call of each session's child fail while it builds its view.
 *
 *   fail_call FIRST STEP ERRNO PROGRAM [ARGUMENT…]
 *
 * The calls counted are those of a process from its unshare(CLONE_NEWNS), which is number 0, up to and with the installation
 * of the seccomp filter. The first process that comes to unshare has its call FIRST fail with that errno, the next one call
 * FIRST + STEP, and so on. A call that fails isn't executed, but close(2), which gives the descriptor back even when it
 * fails.
 *
 * Standard output: "PID INDEX NUMBER" for each call that was made to fail, and "PID sealed COUNT" when a filter is in place.
 * Ends when PROGRAM ends, and PROGRAM by SIGKILL when this one does. Exit status 77 on a machine other than x86-64.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
int
main(void)
{
	fprintf(stderr, "fail_call: x86-64 only\n");
	return 77;
}
#else

#define PROCESSES_MAX 256
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

struct process {
	pid_t pid;
	bool inside;  /* between unshare and the filter */
	bool failing; /* the call under way is the one */
	bool sealing; /* the call under way installs the filter */
	long count, index;
};

struct tracer {
	long next_index, step, error;
	struct process processes[PROCESSES_MAX];
};

static struct process *
find_process(struct tracer *tracer, pid_t pid)
{
	struct process *free_one = NULL;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (tracer->processes[i].pid == pid)
			return &tracer->processes[i];
		if (tracer->processes[i].pid == 0 && free_one == NULL)
			free_one = &tracer->processes[i];
	}
	if (free_one == NULL) {
		fprintf(stderr, "fail_call: too many processes\n");
		exit(1);
	}
	*free_one = (struct process){ .pid = pid };
	return free_one;
}

/* skip_call: the kernel is given the number of no system call. */
static void
skip_call(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		return;
	registers.orig_rax = (unsigned long)-1;
	ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

static void
set_result(pid_t pid, long result)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		return;
	registers.rax = (unsigned long)result;
	ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

static void
entered(struct tracer *tracer, struct process *process, const struct __ptrace_syscall_info *info)
{
	if (info->entry.nr == SYS_unshare && (info->entry.args[0] & CLONE_NEWNS) != 0) {
		process->inside = true;
		process->count = 0;
		process->index = tracer->next_index;
		tracer->next_index += tracer->step;
	}
	if (!process->inside)
		return;
	process->sealing = info->entry.nr == SYS_seccomp;
	process->failing = process->count++ == process->index;
	if (!process->failing)
		return;
	printf("%d %ld %lld\n", process->pid, process->index, (long long)info->entry.nr);
	if (info->entry.nr != SYS_close)
		skip_call(process->pid);
}

static void
left(const struct tracer *tracer, struct process *process, const struct __ptrace_syscall_info *info)
{
	if (process->failing)
		set_result(process->pid, -tracer->error);
	else if (process->sealing && info->exit.rval == 0) {
		process->inside = false;
		printf("%d sealed %ld\n", process->pid, process->count);
	}
	process->failing = process->sealing = false;
}

static void
at_call(struct tracer *tracer, pid_t pid)
{
	struct process *process = find_process(tracer, pid);
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		entered(tracer, process, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		left(tracer, process, &info);
}

/* passed_on: the signal that a stopped process is to get when it goes on. */
static int
passed_on(int status)
{
	int signal_number = WSTOPSIG(status), event = status >> 16;

	if (event != 0 || signal_number == (SIGTRAP | 0x80) || signal_number == SIGTRAP)
		return 0;
	return signal_number;
}

static int
trace(struct tracer *tracer, pid_t program)
{
	struct process *process;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0)
			continue;
		if (!WIFSTOPPED(status)) {
			process = find_process(tracer, pid);
			process->pid = 0;
			if (pid == program)
				return 0;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			at_call(tracer, pid);
		if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP)
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
		else
			ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(uintptr_t)passed_on(status));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static struct tracer tracer;
	int go[2];
	pid_t child;
	char byte;

	if (argc < 5) {
		fprintf(stderr, "usage: fail_call FIRST STEP ERRNO PROGRAM [ARGUMENT…]\n");
		return 2;
	}
	tracer.next_index = strtol(argv[1], NULL, 10);
	tracer.step = strtol(argv[2], NULL, 10);
	tracer.error = strtol(argv[3], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe(go) != 0 || (child = fork()) < 0)
		return 1;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (read(go[0], &byte, 1) == 1) {
			close(go[0]);
			execv(argv[4], argv + 4);
		}
		_exit(127);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, child, NULL, (void *)(uintptr_t)OPTIONS) != 0 ||
	    ptrace(PTRACE_INTERRUPT, child, NULL, NULL) != 0 || write(go[1], "", 1) != 1) {
		perror("fail_call");
		return 1;
	}
	close(go[1]);
	return trace(&tracer, child);
}
#endif
