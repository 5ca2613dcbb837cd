#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session_helper/sandbox.h"

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH_NATIVE AUDIT_ARCH_RISCV64
#else
#error "The sandbox doesn't know this machine's audit architecture (AUDIT_ARCH_* in linux/audit.h)."
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The sandbox reads the low half of 64-bit arguments as on a little-endian machine."
#endif

/* Standard streams, the three of the session, agent and syslog, and a few to spare. */
#define DESCRIPTORS 16

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARG(n) LOAD(args[n])
#define ALLOW       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
/* The next `count` instructions run when the loaded word equals the value (has the bits), else they are passed over. */
#define IF_EQUAL(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define UNLESS_EQUAL(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (count), 0)
#define IF_BITS(value, count)  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), 0, (count))

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
