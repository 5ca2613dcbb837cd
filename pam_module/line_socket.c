/*
 * A handler of SIGSYS, which the kernel raises in the thread that made the call, at the call: so it interrupts nothing but
 * that, and may use whatever is async-signal-safe.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/host/session_channel.h"
#include "pam_module/line_socket.h"

/* From <asm-generic/siginfo.h>, which can't be included beside <signal.h>. */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

#define REQUIRED_WAIT_MS    900
#define BEST_EFFORT_WAIT_MS 400
#define NOTE_MAX            16
/* What a line of sshd's takes in the socket at most, and how many processes of a session may fill it at once: sshd's own,
 * and one a channel, of which sshd allows ten (MaxSessions). */
#define LINE_ROOM           4096
#define SHARERS             16

/* The sealed process's one; a child of it has a copy. */
static struct {
	int fd;
	bool required;
	int full;      /* LINE_SOCKET_FULL */
	int sure;      /* lines for which there is room, as of the last look */
	uint32_t lost;   /* lines in a row */
	uint32_t unsaid; /* of them, since the last note */
} line_socket = { .fd = -1 };

int
line_socket_note(char letter, const void *data, unsigned char length)
{
	char note[2 + NOTE_MAX] = { '\0', letter };

	if (length > NOTE_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(note + 2, data, length);
	return send(line_socket.fd, note, 2 + (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

/* has_room: waits for it as long. POLLOUT comes at a quarter full, which would be too early to give up at. */
static bool
has_room(int wait_ms)
{
	struct pollfd socket = { .fd = line_socket.fd, .events = POLLOUT };
	int used;

	if ((poll(&socket, 1, wait_ms) < 0 && errno != EINTR) || (socket.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		return false;
	if (ioctl(line_socket.fd, SIOCOUTQ, &used) != 0)
		return (socket.revents & POLLOUT) != 0;
	if (!line_socket.required && used < line_socket.full)
		line_socket.sure = (line_socket.full - used) / (LINE_ROOM * SHARERS);
	return used < line_socket.full;
}

/* say_lost: False when not even a note gets through; then with the next. */
static bool
say_lost(void)
{
	if (line_socket_note(SESSION_NOTE_LOST, &line_socket.unsaid, sizeof(line_socket.unsaid)) != 0)
		return false;
	line_socket.unsaid = 0;
	return true;
}

/* lose_line: says so at once when it is the 1st, 2nd, 4th, 8th …, as the session may end before there is room again. */
static void
lose_line(void)
{
	line_socket.lost++;
	line_socket.unsaid++;
	if (line_socket.required || (line_socket.lost & (line_socket.lost - 1)) == 0)
		(void)say_lost();
}

/* make_room: false when the line is lost. A log that is required looks each time: its reader may be dead. */
static bool
make_room(void)
{
	int wait_ms = line_socket.required ? REQUIRED_WAIT_MS : BEST_EFFORT_WAIT_MS;

	if (line_socket.sure > 0) {
		line_socket.sure--;
		return true;
	}
	/* While lines are being lost anyway, none waits: a session that logs much would stand still bit by bit. */
	if (!has_room(0) && (line_socket.lost > 0 || !has_room(wait_ms))) {
		lose_line();
		return false;
	}
	if (line_socket.unsaid == 0 || say_lost())
		line_socket.lost = 0;
	return true;
}

/* open_line: what the session takes for its socket to /dev/log: the line socket itself, which it can't close; or -errno. */
static long
open_line(void)
{
	if (make_room())
		return line_socket.fd;
	if (line_socket.required)
		_exit(255);
	return -EAGAIN;
}

/* close_others: close_range(2) around the line socket. The filter lets these two pass, since neither holds it. */
static long
close_others(unsigned first, unsigned last, unsigned flags)
{
	unsigned kept = (unsigned)line_socket.fd;

	if (first < kept && syscall(SYS_close_range, first, kept - 1, flags) != 0)
		return -errno;
	if (last > kept && syscall(SYS_close_range, kept + 1, last, flags) != 0)
		return -errno;
	return 0;
}

#if defined(__x86_64__)
#define ARGUMENT(context, n) ((context)->uc_mcontext.gregs[(const int[]){ REG_RDI, REG_RSI, REG_RDX }[n]])
#define RESULT(context)      ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ARGUMENT(context, n) ((context)->uc_mcontext.regs[n])
#define RESULT(context)      ((context)->uc_mcontext.regs[0])
#elif defined(__riscv)
#define ARGUMENT(context, n) ((context)->uc_mcontext.__gregs[REG_A0 + (n)])
#define RESULT(context)      ((context)->uc_mcontext.__gregs[REG_A0])
#else
#error "Which registers hold a system call's arguments and result on this machine?"
#endif

static void
on_trap(int signal_number, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	int saved = errno;
	long result = -ENOSYS;

	(void)signal_number;
	/* Sent by somebody: there is no call whose result could be set. */
	if (info->si_code != SYS_SECCOMP)
		return;
	if (info->si_syscall == SYS_socket)
		result = open_line();
	else if (info->si_syscall == SYS_close_range)
		result = close_others((unsigned)ARGUMENT(context, 0), (unsigned)ARGUMENT(context, 1),
		    (unsigned)ARGUMENT(context, 2));
	/* The registers' type differs from machine to machine; the kernel's own is a long. */
	RESULT(context) = (__typeof__(RESULT(context)))result;
	errno = saved;
}

int
line_socket_install(int fd, bool required)
{
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	socklen_t size = sizeof(line_socket.full);
	sigset_t alone;

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &line_socket.full, &size) != 0)
		return -1;
	line_socket.full = LINE_SOCKET_FULL(line_socket.full);
	line_socket.fd = fd;
	line_socket.required = required;
	sigemptyset(&alone);
	sigaddset(&alone, SIGSYS);
	if (sigprocmask(SIG_UNBLOCK, &alone, NULL) != 0)
		return -1;
	return sigaction(SIGSYS, &trap, NULL);
}
