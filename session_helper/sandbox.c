#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/host/seccomp_bpf.h"
#include "session_helper/sandbox.h"

/* Standard streams, the three of the session, agent and syslog, and a few to spare. */
#define DESCRIPTORS 16

#define PERMIT(name) IF_EQUAL(SYS_##name, 1), ALLOW
#define PERMIT_IF_ARG(name, place, value) IF_EQUAL(SYS_##name, 4), LOAD_ARG(place), IF_EQUAL((value), 1), ALLOW, KILL
#define PERMIT_UNLESS_BITS(name, place, bits) IF_EQUAL(SYS_##name, 4), LOAD_ARG(place), IF_BITS((bits), 1), KILL, ALLOW

int
sandbox_prepare(unsigned first)
{
	const struct rlimit no_core = { 0, 0 }, descriptors = { DESCRIPTORS, DESCRIPTORS };

	if (close_range(first, ~0u, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		return -1;
	return setrlimit(RLIMIT_NOFILE, &descriptors);
}

int
sandbox_enter(void)
{
	struct sock_filter instructions[] = {
		/* x32's numbers have a bit of their own, and so fit nothing here. */
		LOAD(arch), UNLESS_EQUAL(ARCH_NATIVE, 1), KILL,
		LOAD(nr),
#ifdef SYS_poll
		PERMIT(poll),
#endif
		PERMIT(ppoll), PERMIT(recvmsg), PERMIT(recvfrom), PERMIT(sendmsg), PERMIT(sendto), PERMIT(connect),
		PERMIT(getsockopt), PERMIT(close), PERMIT_IF_ARG(socket, 0, AF_UNIX),
		PERMIT(clock_gettime), PERMIT(gettimeofday), PERMIT(getpid),
		/* malloc's. */
		PERMIT(brk), PERMIT(munmap), PERMIT(mremap), PERMIT(madvise), PERMIT_UNLESS_BITS(mmap, 2, PROT_EXEC),
		PERMIT(exit), PERMIT(exit_group), PERMIT(rt_sigreturn), PERMIT(restart_syscall),
		KILL,
	};
	struct sock_fprog program = {
		.len = sizeof(instructions) / sizeof(instructions[0]),
		.filter = instructions,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
