/*
 * The system call filter: each call that a sealed session may not make is made by a process that has the filter, and what a
 * session needs is made too. The same calls inside real sessions: tests/login/test_attack_calls.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_module/filter.h"

#define UID 5001u
#define GID 5002u
#define NO_ID 4294967295ul

typedef int sealed_action(const void *argument);

/* sealed: runs the action in a process that has the filter; its wait status. The action's result is the exit status. */
static int
sealed(sealed_action *action, const void *argument)
{
	int status = -1;
	pid_t child;

	child = fork();
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0); /* no core file of those that are killed */
		if (filter_install(UID, GID, -1) != 0)
			_exit(200);
		_exit(action(argument));
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

struct call {
	const char *name;
	long number;
	int expected; /* errno; 0: must succeed */
	unsigned long arguments[6];
};

static int
make_call(const void *argument)
{
	const struct call *call = argument;
	const unsigned long *a = call->arguments;
	long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);

	return result < 0 ? errno : 0;
}

static void
assert_calls(const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int status = sealed(make_call, &calls[i]);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != calls[i].expected)
			fail_msg("%s, line %zu of its table: wait status %#x, expected errno %d", calls[i].name, i, status,
			    calls[i].expected);
	}
}

#define NO_FD ((unsigned long)-1)
#define CALL(name, expected, ...) { #name, SYS_##name, expected, { __VA_ARGS__ } }
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
no_network(void **state)
{
	static const struct call calls[] = {
		CALL(socket, EAFNOSUPPORT, AF_UNIX, SOCK_STREAM), CALL(socket, EAFNOSUPPORT, AF_UNIX, SOCK_DGRAM),
		CALL(socket, EAFNOSUPPORT, AF_INET, SOCK_STREAM), CALL(socket, EAFNOSUPPORT, AF_INET, SOCK_DGRAM),
		CALL(socket, EAFNOSUPPORT, AF_INET6, SOCK_STREAM), CALL(socket, EAFNOSUPPORT, AF_INET, SOCK_RAW, 1),
		CALL(socket, EAFNOSUPPORT, AF_NETLINK, SOCK_RAW, 9), CALL(socket, EAFNOSUPPORT, AF_PACKET, SOCK_RAW),
		CALL(socket, EAFNOSUPPORT, AF_VSOCK, SOCK_STREAM), CALL(socket, EAFNOSUPPORT, AF_ALG, SOCK_SEQPACKET),
		CALL(connect, EACCES, 0), CALL(bind, EACCES, 0), CALL(listen, EACCES, 0), CALL(accept, EACCES, 0),
		CALL(accept4, EACCES, 0), CALL(socketpair, EPERM, AF_UNIX, SOCK_DGRAM),
		CALL(socketpair, EPERM, AF_UNIX, SOCK_SEQPACKET),
		CALL(socketpair, EPERM, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK),
		CALL(socketpair, EPERM, AF_TIPC, SOCK_STREAM), CALL(io_uring_setup, ENOSYS),
		CALL(io_uring_enter, ENOSYS), CALL(io_uring_register, ENOSYS),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
no_other_identity(void **state)
{
	static const struct call calls[] = {
		CALL(setresuid, EPERM, 0, 0, 0), CALL(setresuid, EPERM, NO_ID, NO_ID, NO_ID),
		CALL(setresuid, EPERM, UID, UID, 0), CALL(setresuid, EPERM, UID, 0, UID),
		CALL(setresuid, EPERM, 0, UID, UID), CALL(setresuid, EPERM, UID, NO_ID, UID),
		CALL(setresuid, EPERM, UID + 1, UID + 1, UID + 1), CALL(setresuid, EPERM, GID, GID, GID),
		CALL(setresgid, EPERM, 0, 0, 0), CALL(setresgid, EPERM, NO_ID, NO_ID, NO_ID),
		CALL(setresgid, EPERM, GID, GID, 0), CALL(setresgid, EPERM, UID, UID, UID), CALL(setuid, EPERM, UID),
		CALL(setgid, EPERM, GID), CALL(setreuid, EPERM, UID, UID), CALL(setregid, EPERM, GID, GID),
		CALL(setfsuid, EPERM, UID), CALL(setfsgid, EPERM, GID), CALL(setgroups, EPERM, 0),
		CALL(capset, EPERM),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
no_way_out_of_the_view(void **state)
{
	static const struct call calls[] = {
		CALL(unshare, EPERM, CLONE_NEWUSER), CALL(unshare, EPERM, CLONE_NEWNS),
		CALL(unshare, EPERM, CLONE_NEWNET), CALL(unshare, EPERM, CLONE_FS), CALL(setns, EPERM, 0),
		CALL(clone3, ENOSYS), CALL(clone, EPERM, CLONE_NEWUSER | SIGCHLD),
		CALL(clone, EPERM, CLONE_NEWNS | SIGCHLD), CALL(clone, EPERM, CLONE_NEWNET | SIGCHLD),
		CALL(clone, EPERM, CLONE_NEWPID | SIGCHLD), CALL(clone, EPERM, CLONE_NEWUTS | SIGCHLD),
		CALL(clone, EPERM, CLONE_NEWIPC | SIGCHLD), CALL(clone, EPERM, CLONE_NEWCGROUP | SIGCHLD),
		CALL(mount, EPERM), CALL(umount2, EPERM), CALL(pivot_root, EPERM), CALL(chroot, EPERM),
		CALL(open_tree, EPERM), CALL(move_mount, EPERM), CALL(fsopen, EPERM), CALL(fsmount, EPERM),
		CALL(fspick, EPERM), CALL(fsconfig, EPERM), CALL(mount_setattr, EPERM),
		CALL(open_by_handle_at, EPERM), CALL(name_to_handle_at, EPERM), CALL(execve, EACCES),
		CALL(execveat, EACCES),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
no_file_that_makes_its_runner_the_user(void **state)
{
	static const char *const file = "/dev/null/nothing"; /* ENOTDIR where the filter lets the call through */
	const struct call calls[] = {
		CALL(chmod, EPERM, (unsigned long)file, 04755), CALL(chmod, ENOTDIR, (unsigned long)file, 02755),
		CALL(fchmod, EPERM, NO_FD, 06755), CALL(fchmod, EBADF, NO_FD, 0755),
		CALL(fchmodat, EPERM, NO_FD, (unsigned long)file, 04700),
		CALL(open, EPERM, (unsigned long)file, O_CREAT | O_WRONLY, 04755),
		CALL(open, ENOTDIR, (unsigned long)file, O_CREAT | O_WRONLY, 0755),
		CALL(openat, EPERM, NO_FD, (unsigned long)file, O_CREAT | O_WRONLY, 04755),
		CALL(creat, EPERM, (unsigned long)file, 04755), CALL(mknod, EPERM, (unsigned long)file, S_IFREG | 04755),
		CALL(mknodat, EPERM, NO_FD, (unsigned long)file, S_IFREG | 04755), CALL(openat2, ENOSYS, 0),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
no_other_process_and_nothing_of_the_kernel(void **state)
{
	static const struct call calls[] = {
		CALL(ptrace, EPERM), CALL(process_vm_readv, EPERM), CALL(process_vm_writev, EPERM), CALL(kcmp, EPERM),
		CALL(pidfd_getfd, EPERM), CALL(process_madvise, EPERM), CALL(shmget, EPERM), CALL(shmat, EPERM),
		CALL(semget, EPERM), CALL(msgget, EPERM), CALL(mq_open, EPERM), CALL(add_key, EPERM),
		CALL(request_key, EPERM), CALL(keyctl, EPERM), CALL(bpf, EPERM), CALL(perf_event_open, EPERM),
		CALL(userfaultfd, EPERM), CALL(personality, EPERM, 0xffffffff),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
no_signal_and_no_limit_for_another_process(void **state)
{
	const unsigned long self = (unsigned long)getpid();
	const struct call calls[] = {
		CALL(kill, EPERM, self, 0), CALL(tkill, EPERM, self, 0), CALL(tgkill, EPERM, self, self, 0),
		CALL(rt_sigqueueinfo, EPERM, self, 0), CALL(rt_tgsigqueueinfo, EPERM, self, self, 0),
		CALL(pidfd_open, EPERM, self), CALL(pidfd_send_signal, EPERM, 0), CALL(setpriority, EPERM, 0, self, 19),
		CALL(ioprio_set, EPERM, 1, self, 0), CALL(sched_setaffinity, EPERM, self), CALL(sched_setattr, EPERM, self),
		CALL(sched_setparam, EPERM, self), CALL(sched_setscheduler, EPERM, self), CALL(migrate_pages, EPERM, self),
		CALL(move_pages, EPERM, self), CALL(prlimit64, EPERM, self, RLIMIT_CPU), CALL(prlimit64, 0, 0, RLIMIT_CPU),
		CALL(fcntl, EPERM, 0, F_SETOWN, self), CALL(fcntl, EPERM, 0, F_SETOWN_EX), CALL(fcntl, 0, 2, F_GETFD),
		CALL(ioctl, EPERM, 0, FIOSETOWN), CALL(ioctl, EPERM, 0, SIOCSPGRP), CALL(ioctl, EPERM, 0, TIOCSTI),
		CALL(ioctl, EPERM, 0, TIOCLINUX), CALL(ioctl, EBADF, 9999, FIONREAD), CALL(syslog, EPERM, 3),
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

static void
nothing_newer_than_the_list(void **state)
{
	static const struct call calls[] = {
		{ "statmount", 457, EPERM, { 0 } }, { "listmount", 458, EPERM, { 0 } },
		{ "open_tree_attr", 467, EPERM, { 0 } },
		{ "the first unknown one", 470, ENOSYS, { 0 } }, { "any other", 999, ENOSYS, { 0 } },
	};

	(void)state;
	assert_calls(calls, COUNT(calls));
}

#ifdef __x86_64__
static int
call_through_int80(const void *argument)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"((long)*(const int *)argument), "b"(0l), "c"(0l), "d"(0l)
	    : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static int
call_x32(const void *argument)
{
	syscall(0x40000000l | *(const int *)argument, 0, 0, 0);
	return 0;
}

static void
foreign_numbers_kill(void **state)
{
	/* getpid, socketcall, socket, connect, setuid32, execve as a 32-bit program numbers them. */
	static const int numbers_32[] = { 20, 102, 359, 362, 213, 11 };
	static const int numbers[] = { SYS_getpid, SYS_socket, SYS_connect, SYS_setuid, 520, 545 };

	(void)state;
	for (size_t i = 0; i < COUNT(numbers_32); i++) {
		int status = sealed(call_through_int80, &numbers_32[i]);

		/* Without CONFIG_IA32_EMULATION there is no such entry. */
		assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int status = sealed(call_x32, &numbers[i]);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}
#endif

static void *
nothing(void *argument)
{
	return argument;
}

static int
ordinary_work(const void *argument)
{
	int sockets[2], pipes[2];
	pthread_t thread;
	pid_t child;
	char byte;

	(void)argument;
	if (setresgid(GID, GID, GID) != 0 || setresuid(UID, UID, UID) != 0 || getuid() != UID || geteuid() != UID ||
	    getgid() != GID)
		return 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0 || write(sockets[0], "x", 1) != 1 ||
	    recv(sockets[1], &byte, 1, 0) != 1)
		return 2;
	if (pipe(pipes) != 0 || open("/", O_RDONLY | O_DIRECTORY) < 0)
		return 3;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 4;
	child = fork();
	if (child == 0)
		_exit(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT ? 42 : 0);
	if (child < 0 || waitpid(child, sockets, 0) != child || WEXITSTATUS(sockets[0]) != 42)
		return 5;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 6;
}

static void
what_a_session_needs(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	status = sealed(ordinary_work, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_network),
		cmocka_unit_test(no_other_identity),
		cmocka_unit_test(no_way_out_of_the_view),
		cmocka_unit_test(no_file_that_makes_its_runner_the_user),
		cmocka_unit_test(no_other_process_and_nothing_of_the_kernel),
		cmocka_unit_test(no_signal_and_no_limit_for_another_process),
		cmocka_unit_test(nothing_newer_than_the_list),
#ifdef __x86_64__
		cmocka_unit_test(foreign_numbers_kill),
#endif
		cmocka_unit_test(what_a_session_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
