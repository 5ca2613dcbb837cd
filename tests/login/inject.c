/*
 * inject: makes a live process execute one system call, as attacker's code inside a session would.
 *
 *   inject PID ENTRY CALL [ARGUMENT…]
 *
 * ENTRY: "native", the machine's own way in; "int80", the 32-bit one; "x32", the native one with x32's bit in the number.
 * CALL: a number or a name (native numbers). ARGUMENT: a number; "s:TEXT", a pointer to that text; "x:HEX", to those bytes;
 * "z:COUNT", to so many zeros. Data lies below 4 GiB, where the 32-bit entry can point at it.
 *
 * Prints "= RESULT", "= -1 ERRNO NAME" or "killed SIGNAL", and leaves the process as it was found. Exit status 0 when one of
 * these was printed, 77 on a machine other than x86-64, else 1.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
int
main(void)
{
	fprintf(stderr, "inject: x86-64 only\n");
	return 77;
}
#else

#define X32_BIT 0x40000000ul
#define ARGUMENTS_MAX 6
#define DATA_SIZE 65536
#define TIME_LIMIT_SECONDS 10

enum entry { ENTRY_NATIVE, ENTRY_INT80 };

struct target {
	pid_t pid;
	struct user_regs_struct saved;
	unsigned long saved_code;
	unsigned long data; /* address of DATA_SIZE bytes of ours in the process */
	unsigned long data_used;
};

static const struct {
	const char *name;
	unsigned long number;
} calls[] = {
#define CALL(name) { #name, SYS_##name }
	CALL(socket), CALL(socketpair), CALL(connect), CALL(bind), CALL(listen), CALL(accept), CALL(accept4),
	CALL(sendto), CALL(sendmsg), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
	CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(kcmp), CALL(pidfd_getfd),
	CALL(process_madvise), CALL(setresuid), CALL(setresgid), CALL(setuid), CALL(setgid), CALL(setreuid),
	CALL(setregid), CALL(setfsuid), CALL(setfsgid), CALL(setgroups), CALL(capset), CALL(unshare), CALL(setns),
	CALL(clone), CALL(clone3), CALL(mount), CALL(umount2), CALL(chroot), CALL(pivot_root), CALL(open_tree),
	CALL(move_mount), CALL(fsopen), CALL(fsmount), CALL(fspick), CALL(fsconfig), CALL(mount_setattr),
	CALL(open_by_handle_at), CALL(name_to_handle_at), CALL(execve), CALL(execveat), CALL(add_key),
	CALL(request_key), CALL(keyctl), CALL(shmget), CALL(shmat), CALL(shmctl), CALL(semget), CALL(semop),
	CALL(semctl), CALL(msgget), CALL(msgsnd), CALL(msgrcv), CALL(msgctl), CALL(mq_open), CALL(mq_unlink),
	CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(personality), CALL(getpid), CALL(getuid),
	CALL(kill), CALL(openat), CALL(getcwd), CALL(mmap), CALL(mprotect), CALL(close), CALL(mknodat),
	CALL(memfd_create), CALL(tgkill), CALL(pidfd_open), CALL(pidfd_send_signal), CALL(prlimit64),
	CALL(setpriority),
#undef CALL
};

static void __attribute__((noreturn))
die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* wait_stop: until the process stops. One that was killed is reported, and ends this program. */
static void
wait_stop(const struct target *target)
{
	int status;

	if (waitpid(target->pid, &status, __WALL) != target->pid)
		die("waitpid");
	if (WIFSTOPPED(status))
		return;
	if (WIFSIGNALED(status))
		printf("killed SIG%s\n", sigabbrev_np(WTERMSIG(status)));
	else
		printf("ended %d\n", WEXITSTATUS(status));
	exit(0);
}

static void
attach(struct target *target)
{
	if (ptrace(PTRACE_SEIZE, target->pid, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXEC) != 0)
		die("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, target->pid, NULL, NULL) != 0)
		die("PTRACE_INTERRUPT");
	wait_stop(target);
	if (ptrace(PTRACE_GETREGS, target->pid, NULL, &target->saved) != 0)
		die("PTRACE_GETREGS");
	errno = 0;
	target->saved_code = (unsigned long)ptrace(PTRACE_PEEKTEXT, target->pid, (void *)target->saved.rip, NULL);
	if (errno != 0)
		die("PTRACE_PEEKTEXT");
}

static void
put_code(const struct target *target, unsigned long code)
{
	if (ptrace(PTRACE_POKETEXT, target->pid, (void *)target->saved.rip, (void *)code) != 0)
		die("PTRACE_POKETEXT");
}

/* execute: one system call by the instruction of that entry, and the breakpoint behind it. */
static long
execute(const struct target *target, enum entry entry, unsigned long number, const unsigned long arguments[ARGUMENTS_MAX])
{
	const unsigned long native = 0xcc050f, int80 = 0xcc80cd;
	struct user_regs_struct registers = target->saved;

	/* No system call is under way in the kernel's eyes, so it won't restart the interrupted one now. */
	registers.orig_rax = (unsigned long)-1;
	registers.rax = number;
	if (entry == ENTRY_NATIVE) {
		registers.rdi = arguments[0];
		registers.rsi = arguments[1];
		registers.rdx = arguments[2];
		registers.r10 = arguments[3];
		registers.r8 = arguments[4];
		registers.r9 = arguments[5];
	} else {
		registers.rbx = arguments[0];
		registers.rcx = arguments[1];
		registers.rdx = arguments[2];
		registers.rsi = arguments[3];
		registers.rdi = arguments[4];
		registers.rbp = arguments[5];
	}
	put_code(target, (target->saved_code & ~0xfffffful) | (entry == ENTRY_NATIVE ? native : int80));
	if (ptrace(PTRACE_SETREGS, target->pid, NULL, &registers) != 0 || ptrace(PTRACE_CONT, target->pid, NULL, NULL) != 0)
		die("PTRACE_CONT");
	wait_stop(target);
	if (ptrace(PTRACE_GETREGS, target->pid, NULL, &registers) != 0)
		die("PTRACE_GETREGS");
	if (registers.rip != target->saved.rip + 3) {
		printf("lost: a program runs, or a signal came\n");
		exit(0);
	}
	return entry == ENTRY_NATIVE ? (long)registers.rax : (long)(int)registers.rax;
}

static void
detach(const struct target *target)
{
	put_code(target, target->saved_code);
	if (ptrace(PTRACE_SETREGS, target->pid, NULL, &target->saved) != 0 ||
	    ptrace(PTRACE_DETACH, target->pid, NULL, NULL) != 0)
		die("PTRACE_DETACH");
}

static void
map_data(struct target *target)
{
	const unsigned long arguments[ARGUMENTS_MAX] = { 0, DATA_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, (unsigned long)-1, 0 };
	long address = execute(target, ENTRY_NATIVE, SYS_mmap, arguments);

	errno = (int)-address;
	if (address < 0 && address > -4096)
		die("mmap in the process");
	target->data = (unsigned long)address;
}

static unsigned long
put_data(struct target *target, const void *bytes, size_t length)
{
	struct iovec from = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct iovec to = { .iov_base = (void *)(target->data + target->data_used), .iov_len = length };

	if (target->data_used + length > DATA_SIZE)
		errno = EMSGSIZE;
	else if (process_vm_writev(target->pid, &from, 1, &to, 1, 0) == (ssize_t)length) {
		target->data_used += (length + 15) & ~15ul;
		return (unsigned long)to.iov_base;
	}
	die("data");
}

static unsigned long
put_hex(struct target *target, const char *hex)
{
	unsigned char bytes[4096];
	char pair[3] = "";
	size_t count = 0;

	for (; hex[0] != '\0' && hex[1] != '\0' && count < sizeof(bytes); hex += 2) {
		memcpy(pair, hex, 2);
		bytes[count++] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return put_data(target, bytes, count);
}

static unsigned long
argument_value(struct target *target, const char *text)
{
	static const char zeros[4096];
	unsigned long count;

	if (strncmp(text, "s:", 2) == 0)
		return put_data(target, text + 2, strlen(text + 2) + 1);
	if (strncmp(text, "x:", 2) == 0)
		return put_hex(target, text + 2);
	if (strncmp(text, "z:", 2) == 0) {
		count = strtoul(text + 2, NULL, 0);
		return put_data(target, zeros, count < sizeof(zeros) ? count : sizeof(zeros));
	}
	return strtoul(text, NULL, 0);
}

static unsigned long
call_number(const char *text)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, text) == 0)
			return calls[i].number;
	if (text[0] >= '0' && text[0] <= '9')
		return strtoul(text, NULL, 0);
	errno = EINVAL;
	die(text);
}

int
main(int argc, char **argv)
{
	unsigned long arguments[ARGUMENTS_MAX] = { 0 }, number;
	struct target target = { 0 };
	long result;

	if (argc < 4 || argc > 4 + ARGUMENTS_MAX) {
		fprintf(stderr, "usage: inject PID native|int80|x32 CALL [ARGUMENT…]\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(TIME_LIMIT_SECONDS);
	target.pid = (pid_t)strtol(argv[1], NULL, 10);
	number = call_number(argv[3]) | (strcmp(argv[2], "x32") == 0 ? X32_BIT : 0);
	attach(&target);
	map_data(&target);
	for (int i = 4; i < argc; i++)
		arguments[i - 4] = argument_value(&target, argv[i]);
	result = execute(&target, strcmp(argv[2], "int80") == 0 ? ENTRY_INT80 : ENTRY_NATIVE, number, arguments);
	if (result < 0 && result > -4096)
		printf("= -1 %ld %s\n", -result, strerrorname_np((int)-result));
	else
		printf("= %ld\n", result);
	detach(&target);
	return 0;
}
#endif
