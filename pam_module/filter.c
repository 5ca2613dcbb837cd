#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/host/seccomp_bpf.h"
#include "pam_module/filter.h"
#include "pam_module/syscalls.h"

#define X32_BIT 0x40000000u
/* The newest system call that the list below knows: file_setattr(2), Linux 6.17. Raise it after reading what the newer
 * ones do. */
#define NEWEST_CALL 469

/* Newer than the headers that we may be built with; new system calls have one number on all machines. */
#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/* Every flag of clone(2) that makes a namespace. */
#define CLONE_NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* socket(2)'s type argument also carries SOCK_NONBLOCK and SOCK_CLOEXEC. */
#define SOCK_TYPE_MASK 0xf

#define FAIL(code) RETURN(SECCOMP_RET_ERRNO | (code))
#define SUCCEED_WITHOUT_EFFECT SECCOMP_RET_ERRNO
#define DENY(name, code) IF_EQUAL(SYS_##name, 1), FAIL(code)
/* A mode with the set-user-ID bit, in the argument at this place. */
#define DENY_SETUID(name, place) IF_EQUAL(SYS_##name, 4), LOAD_ARG(place), IF_BITS(S_ISUID, 1), FAIL(EPERM), ALLOW
/* One value of the loaded argument. */
#define DENY_VALUE(value, code) IF_EQUAL((value), 1), FAIL(code)

/* setresuid(id, id, id) with the record's id, and no other call: (uid_t)-1, "leave as it is", would leave root. */
#define ONLY_ID(name, id) \
	IF_EQUAL(SYS_##name, 8), \
	LOAD_ARG(0), IF_EQUAL((id), 4), \
	LOAD_ARG(1), IF_EQUAL((id), 2), \
	LOAD_ARG(2), UNLESS_EQUAL((id), 1), \
	FAIL(EPERM), ALLOW

int
filter_install(uint32_t uid, uint32_t gid, int line_fd)
{
	/* With a transfer log (line_socket.h), syslog(3)'s socket is the handler's, and one descriptor is kept. */
	bool logs = line_fd >= 0;
	uint32_t kept = (uint32_t)line_fd;
	uint32_t syslog_socket = logs ? SECCOMP_RET_TRAP : SECCOMP_RET_ERRNO | EAFNOSUPPORT;
	uint32_t syslog_connect = logs ? SUCCEED_WITHOUT_EFFECT : SECCOMP_RET_ERRNO | EACCES;
	uint32_t close_kept = logs ? SUCCEED_WITHOUT_EFFECT : SECCOMP_RET_ALLOW;
	uint32_t close_around_kept = logs ? SECCOMP_RET_TRAP : SECCOMP_RET_ALLOW;
	uint32_t replace_kept = logs ? SECCOMP_RET_ERRNO | EBADF : SECCOMP_RET_ALLOW;
	struct sock_filter instructions[] = {
		/* Another architecture's numbers (int 0x80 on x86-64), and x32's, would walk around everything below. */
		LOAD(arch), UNLESS_EQUAL(ARCH_NATIVE, 1), KILL,
		LOAD(nr),
#ifdef __x86_64__
		IF_BITS(X32_BIT, 1), KILL,
#endif
		/* What isn't known yet isn't there; libc then does without. */
		IF_ABOVE(NEWEST_CALL, 1), FAIL(ENOSYS),
		/* Identity: sshd drops to the user after this, with these two calls and these ids; an old passwd entry in
		 * its memory can't bring another identity into this view. */
		ONLY_ID(setresuid, uid), ONLY_ID(setresgid, gid),
		DENY(setuid, EPERM), DENY(setgid, EPERM), DENY(setreuid, EPERM), DENY(setregid, EPERM),
		DENY(setfsuid, EPERM), DENY(setfsgid, EPERM), DENY(setgroups, EPERM), DENY(capset, EPERM),

		/* Network, abstract sockets, netlink: none. libpam's audit call carries on with EAFNOSUPPORT, and on
		 * EACCES fails pam_setcred. sshd's pipes to internal-sftp are stream socketpairs; a datagram one could be
		 * aimed at any abstract socket of the host with sendto(2). */
		IF_EQUAL(SYS_socket, 7),
		LOAD_ARG(0), IF_EQUAL(AF_UNIX, 4),
		LOAD_ARG(1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCK_TYPE_MASK), IF_EQUAL(SOCK_DGRAM, 1),
		RETURN(syslog_socket), FAIL(EAFNOSUPPORT),
		IF_EQUAL(SYS_connect, 1), RETURN(syslog_connect),
		DENY(bind, EACCES), DENY(listen, EACCES),
		DENY(accept, EACCES), DENY(accept4, EACCES),
		IF_EQUAL(SYS_socketpair, 7),
		LOAD_ARG(0), IF_EQUAL(AF_UNIX, 3),
		LOAD_ARG(1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCK_TYPE_MASK), UNLESS_EQUAL(SOCK_STREAM, 1),
		FAIL(EPERM), ALLOW,

		/* The line socket stays what it is. */
		IF_EQUAL(SYS_close, 4), LOAD_ARG(0), IF_EQUAL(kept, 1), RETURN(close_kept), ALLOW,
		IF_EQUAL(SYS_close_range, 7),
		LOAD_ARG(0), IF_ABOVE(kept, 1), ALLOW,
		LOAD_ARG(1), IF_AT_LEAST(kept, 1), RETURN(close_around_kept), ALLOW,
		IF_EQUAL(SYS_dup3, 4), LOAD_ARG(1), IF_EQUAL(kept, 1), RETURN(replace_kept), ALLOW,
#ifdef SYS_dup2
		IF_EQUAL(SYS_dup2, 4), LOAD_ARG(1), IF_EQUAL(kept, 1), RETURN(replace_kept), ALLOW,
#endif

		/* io_uring does sockets and files without these system calls. */
		DENY(io_uring_setup, ENOSYS), DENY(io_uring_enter, ENOSYS), DENY(io_uring_register, ENOSYS),

		/* Other processes of the same uid, in this session or outside the view. */
		DENY(ptrace, EPERM), DENY(process_vm_readv, EPERM), DENY(process_vm_writev, EPERM), DENY(kcmp, EPERM),
		DENY(pidfd_getfd, EPERM), DENY(process_madvise, EPERM), DENY(process_mrelease, EPERM),
		DENY(kill, EPERM), DENY(tkill, EPERM), DENY(tgkill, EPERM), DENY(rt_sigqueueinfo, EPERM),
		DENY(rt_tgsigqueueinfo, EPERM), DENY(pidfd_open, EPERM), DENY(pidfd_send_signal, EPERM),
		DENY(setpriority, EPERM), DENY(ioprio_set, EPERM), DENY(sched_setaffinity, EPERM),
		DENY(sched_setattr, EPERM), DENY(sched_setparam, EPERM), DENY(sched_setscheduler, EPERM),
		DENY(migrate_pages, EPERM), DENY(move_pages, EPERM),
		IF_EQUAL(SYS_prlimit64, 4), LOAD_ARG(0), UNLESS_EQUAL(0, 1), FAIL(EPERM), ALLOW,
		/* A descriptor's owner gets a signal of one's choice when it becomes ready. */
		IF_EQUAL(SYS_fcntl, 6), LOAD_ARG(1), DENY_VALUE(F_SETOWN, EPERM), DENY_VALUE(F_SETOWN_EX, EPERM), ALLOW,
		IF_EQUAL(SYS_ioctl, 10), LOAD_ARG(1), DENY_VALUE(FIOSETOWN, EPERM), DENY_VALUE(SIOCSPGRP, EPERM),
		/* Input for whatever terminal sshd itself was started from. */
		DENY_VALUE(TIOCSTI, EPERM), DENY_VALUE(TIOCLINUX, EPERM), ALLOW,

		/* Shared memory, semaphores, queues and keys belong to the host, not to a view; some of these need no
		 * open, only a number. */
		DENY(shmget, EPERM), DENY(shmat, EPERM), DENY(shmctl, EPERM), DENY(semget, EPERM), DENY(semop, EPERM),
		DENY(semtimedop, EPERM), DENY(semctl, EPERM), DENY(msgget, EPERM), DENY(msgsnd, EPERM), DENY(msgrcv, EPERM),
		DENY(msgctl, EPERM), DENY(mq_open, EPERM), DENY(mq_unlink, EPERM),
		DENY(add_key, EPERM), DENY(request_key, EPERM), DENY(keyctl, EPERM),

		/* A new namespace would give its maker capabilities again; clone3's flags lie in memory, where no filter
		 * can read them, so it isn't there and libc uses clone. */
		DENY(unshare, EPERM), DENY(setns, EPERM), DENY(clone3, ENOSYS),
		IF_EQUAL(SYS_clone, 4), LOAD_ARG(0), IF_BITS(CLONE_NAMESPACES, 1), FAIL(EPERM), ALLOW,
		DENY(mount, EPERM), DENY(umount2, EPERM), DENY(pivot_root, EPERM), DENY(chroot, EPERM),
		DENY(open_tree, EPERM), DENY(open_tree_attr, EPERM), DENY(move_mount, EPERM), DENY(mount_setattr, EPERM),
		DENY(fsopen, EPERM), DENY(fsmount, EPERM), DENY(fspick, EPERM), DENY(fsconfig, EPERM),
		DENY(open_by_handle_at, EPERM), DENY(name_to_handle_at, EPERM),
		/* Where on the host a target lies, and what the kernel logs, is not the user's business. */
		DENY(statmount, EPERM), DENY(listmount, EPERM), DENY(syslog, EPERM),

		/* A set-user-ID file counts on the host, where the target's own mount may be without nosuid: a local
		 * accomplice would become this user, outside any view. openat2's mode lies in memory; libc and sftp do
		 * without it. */
#ifdef SYS_open
		DENY_SETUID(open, 2), DENY_SETUID(creat, 1), DENY_SETUID(chmod, 1), DENY_SETUID(mknod, 1),
#endif
		DENY_SETUID(openat, 3), DENY_SETUID(fchmod, 1), DENY_SETUID(fchmodat, 2), DENY_SETUID(fchmodat2, 2),
		DENY_SETUID(mknodat, 2), DENY(openat2, ENOSYS),

		/* internal-sftp runs inside sshd's child: a sealed session starts no program, whatever sshd_config says. */
		DENY(execve, EACCES), DENY(execveat, EACCES),
		DENY(bpf, EPERM), DENY(perf_event_open, EPERM), DENY(userfaultfd, EPERM), DENY(personality, EPERM),
		ALLOW,
	};
	struct sock_fprog program = {
		.len = sizeof(instructions) / sizeof(instructions[0]),
		.filter = instructions,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
}
