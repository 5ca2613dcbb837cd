/* The helper's sandbox: what kills, and what does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "session_helper/sandbox.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_kills),
		cmocka_unit_test(what_does_not),
	};

	return cmocka_run_group_tests_name("sandbox of the helper", tests, NULL, NULL);
}
