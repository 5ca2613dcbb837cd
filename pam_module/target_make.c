#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pam_module/path.h"
#include "pam_module/target_make.h"

/*
 * Making what is missing. As root only below a directory that is root's and that nobody else can write: there no name can be
 * changed under our hands, so the last directory can be given to the user. Anywhere else as the user, who then owns it
 * anyway: a chown there could be aimed at a neighbour's directory by renaming it into place.
 */

static bool
only_root_writes(int directory)
{
	struct stat status;

	/* With an ACL the group bits are its mask, so this covers ACLs too. */
	return fstat(directory, &status) == 0 && status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* make_as_root: one directory; the last of a target belongs to the user. */
static int
make_as_root(int parent, const char *name, bool last, const struct session *session)
{
	int fd, failed, error;

	if (mkdirat(parent, name, 0700) != 0)
		return errno == EEXIST ? 0 : -1;
	fd = open_within(parent, name, O_RDONLY | O_DIRECTORY, RESOLVE_TARGET);
	if (fd < 0)
		return -1;
	failed = (last && fchown(fd, session->uid, session->gid) != 0) || fchmod(fd, last ? 0750 : 0755) != 0;
	close(fd);
	if (!failed)
		return 0;
	/* Left behind, it would be found at the next login, and be root's for good. */
	error = errno;
	unlinkat(parent, name, AT_REMOVEDIR);
	errno = error;
	return -1;
}

/* make_missing: one component below `parent`, which isn't there. Root outside its own directories: EACCES. */
static int
make_missing(int parent, const char *name, bool last, const struct session *session)
{
	if (geteuid() != 0)
		return mkdirat(parent, name, 0750) == 0 || errno == EEXIST ? 0 : -1;
	if (only_root_writes(parent))
		return make_as_root(parent, name, last, session);
	errno = EACCES;
	return -1;
}

/*
 * make_path: opens `path` below base one component at a time, making what is missing. Returns the O_PATH descriptor, or
 * -1 with errno; *rest and *parent (an open descriptor, or -1) then say how far it came.
 */
static int
make_path(int base, const char *path, const struct session *session, int *parent, const char **rest)
{
	char component[NAME_MAX + 1];
	size_t length;
	int fd, next;

	fd = open_within(base, ".", O_PATH | O_DIRECTORY, RESOLVE_TARGET);
	*parent = -1;
	for (*rest = path; fd >= 0 && **rest != '\0'; *rest = path_next(*rest, length)) {
		length = path_component(*rest, component);
		if (length == 0)
			break;
		next = open_within(fd, component, O_PATH | O_DIRECTORY, RESOLVE_TARGET);
		if (next < 0 && errno == ENOENT && make_missing(fd, component, (*rest)[length] == '\0', session) == 0)
			next = open_within(fd, component, O_PATH | O_DIRECTORY, RESOLVE_TARGET);
		if (next < 0)
			break;
		close(fd);
		fd = next;
	}
	if (fd >= 0 && **rest != '\0') {
		*parent = fd;
		return -1;
	}
	return fd;
}

/*
 * As the user. Where the kernel lets only the user in (NFS with root_squash, FUSE), root has to become the user whole: FUSE
 * compares all of a process's ids. So a process does it, and hands the descriptor back.
 */

struct user_reply {
	int error;     /* 0, or errno */
	unsigned mode; /* st_mode: root may not be allowed to ask */
};

static void
send_reply(int socket, const struct user_reply *reply, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec part = { .iov_base = (void *)reply, .iov_len = sizeof(*reply) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	sendmsg(socket, &message, MSG_NOSIGNAL);
}

static int
receive_reply(int socket, struct user_reply *reply)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { .iov_base = reply, .iov_len = sizeof(*reply) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *header;
	ssize_t got;
	int fd = -1;

	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(*reply)) {
		reply->error = ETIMEDOUT; /* it was ended by its alarm */
		return -1;
	}
	header = CMSG_FIRSTHDR(&message);
	if (reply->error == 0 && header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static int
become_user(const struct session *session)
{
	gid_t groups[SECONDARY_GIDS_MAX];
	size_t i;

	for (i = 0; i < session->secondary_gid_count; i++)
		groups[i] = session->secondary_gids[i];
	/* Not to be traced by the user's other processes, whatever fs.suid_dumpable says: root believes what it sends. */
	return setgroups(session->secondary_gid_count, groups) != 0 ||
	    setresgid(session->gid, session->gid, session->gid) != 0 ||
	    setresuid(session->uid, session->uid, session->uid) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ? -1 : 0;
}

void
target_process_signals(unsigned seconds)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGALRM, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(seconds);
}

static void __attribute__((noreturn))
user_process(const struct target_finder *finder, int base, const char *path, int flags, bool create, int socket)
{
	struct user_reply reply = { 0 };
	struct stat status;
	const char *rest;
	int parent, fd = -1;

	target_process_signals(finder->config->target_seconds);
	umask(0);
	if (become_user(finder->session) == 0)
		fd = create ? make_path(base, path, finder->session, &parent, &rest) :
		    open_within(base, *path == '\0' ? "." : path, flags, RESOLVE_TARGET);
	if (fd < 0 || fstat(fd, &status) != 0)
		reply.error = errno;
	else
		reply.mode = status.st_mode;
	send_reply(socket, &reply, reply.error == 0 ? fd : -1);
	_exit(0);
}

int
target_open_as_user(const struct target_finder *finder, int base, const char *path, int flags, bool create,
    mode_t *mode)
{
	struct user_reply reply = { .error = EIO };
	int sockets[2], fd = -1;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
		return -1;
	child = fork();
	if (child == 0)
		user_process(finder, base, path, flags, create, sockets[1]);
	close(sockets[1]);
	if (child > 0) {
		fd = receive_reply(sockets[0], &reply);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	} else {
		reply.error = errno;
	}
	close(sockets[0]);
	*mode = (mode_t)reply.mode;
	errno = reply.error;
	return fd;
}

int
target_make(const struct target_finder *finder, int base, const char *path, mode_t *mode)
{
	const char *rest;
	int fd, parent, error;

	*mode = S_IFDIR;
	fd = make_path(base, path, finder->session, &parent, &rest);
	if (fd < 0 && errno == EACCES && parent >= 0)
		fd = target_open_as_user(finder, parent, rest, O_PATH | O_DIRECTORY, true, mode);
	error = errno;
	if (parent >= 0)
		close(parent);
	errno = error;
	return fd;
}
