#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pam_module/syscalls.h"
#include "pam_module/target.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int __attribute__((format(printf, 3, 4)))
refuse(char *reason, const char *target, const char *format, ...)
{
	char why[REASON_MAX / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(reason, REASON_MAX, "target %.200s: %s", target, why);
	return -1;
}

void
target_finder_init(struct target_finder *finder, const struct config *config, const struct session *session)
{
	*finder = (struct target_finder){ .config = config, .session = session, .base_fd = -1 };
}

void
target_finder_close(struct target_finder *finder)
{
	if (finder->base_fd >= 0)
		close(finder->base_fd);
	finder->base_fd = -1;
}

/* open_how: openat2(2) with the flags of this file; tried again when a rename elsewhere made the kernel unsure. */
static int
open_how(int base, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve };
	int fd, tries = 64;

	do
		fd = openat2(base, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN) && --tries > 0);
	return fd;
}

/* find_base: puts the target's bucket into finder->base_fd; returns the path below it, or NULL with the reason. */
static const char *
find_base(struct target_finder *finder, const char *target, char *reason)
{
	const struct config_bucket *bucket = NULL;
	const char *name = target + 1, *rest, *path;
	size_t i, length = strcspn(name, "/");

	for (i = 0; i < finder->config->bucket_count && bucket == NULL; i++)
		if (strlen(finder->config->buckets[i].name) == length &&
		    memcmp(finder->config->buckets[i].name, name, length) == 0)
			bucket = &finder->config->buckets[i];
	rest = bucket == NULL ? name : name + length + (name[length] == '/');
	if (finder->base_fd >= 0 && finder->bucket == bucket)
		return rest;

	target_finder_close(finder);
	finder->bucket = bucket;
	path = bucket == NULL ? finder->config->data_root : bucket->path;
	/* A symbolic link in the operator's own path is refused too: whoever can write beside it could swap the whole root. */
	finder->base_fd = open_how(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (finder->base_fd >= 0)
		return rest;
	refuse(reason, target, "%s %s can't be opened: %s", bucket == NULL ? "DataRoot" : "Bucket", path,
	    errno == ELOOP ? "a symbolic link is in its path; name the real directory" : strerror(errno));
	return NULL;
}

/*
 * Making what is missing. As root only below a directory that is root's and that nobody else can write: there no name can be
 * changed under our hands, so the last directory can be given to the user. Anywhere else as the user, who then owns it anyway: a chown
 * there could be aimed at a neighbour's directory by renaming it into place.
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
	int fd, failed;

	if (mkdirat(parent, name, 0700) != 0)
		return errno == EEXIST ? 0 : -1;
	fd = open_how(parent, name, O_RDONLY | O_DIRECTORY, BENEATH);
	if (fd < 0)
		return -1;
	failed = (last && fchown(fd, session->uid, session->gid) != 0) || fchmod(fd, last ? 0750 : 0755) != 0;
	close(fd);
	return failed ? -1 : 0;
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
 * make_path: opens `path` below base one component at a time, making what is missing. Returns the O_PATH descriptor, or -1 with errno;
 * *rest and *parent (an open descriptor, or -1) then say how far it came.
 */
static int
make_path(int base, const char *path, const struct session *session, int *parent, const char **rest)
{
	char component[NAME_MAX + 1];
	size_t length;
	int fd, next;

	fd = open_how(base, ".", O_PATH | O_DIRECTORY, BENEATH);
	*parent = -1;
	for (*rest = path; fd >= 0 && **rest != '\0'; *rest += length + ((*rest)[length] == '/')) {
		length = strcspn(*rest, "/");
		if (length > NAME_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(component, *rest, length);
		component[length] = '\0';
		next = open_how(fd, component, O_PATH | O_DIRECTORY, BENEATH);
		if (next < 0 && errno == ENOENT && make_missing(fd, component, (*rest)[length] == '\0', session) == 0)
			next = open_how(fd, component, O_PATH | O_DIRECTORY, BENEATH);
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
	return setgroups(session->secondary_gid_count, groups) != 0 ||
	    setresgid(session->gid, session->gid, session->gid) != 0 ||
	    setresuid(session->uid, session->uid, session->uid) != 0 ? -1 : 0;
}

/* default_signals: for a process of ours inside sshd: no handler of sshd's may run in it, and only a signal with its default
 * action ends a wait on a dead file server. */
static void
default_signals(unsigned seconds)
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

	default_signals(finder->config->target_seconds);
	umask(0);
	if (become_user(finder->session) == 0)
		fd = create ? make_path(base, path, finder->session, &parent, &rest) :
		    open_how(base, *path == '\0' ? "." : path, flags, BENEATH);
	if (fd < 0 || fstat(fd, &status) != 0)
		reply.error = errno;
	else
		reply.mode = status.st_mode;
	send_reply(socket, &reply, reply.error == 0 ? fd : -1);
	_exit(0);
}

/* open_as_user: the descriptor with its st_mode in *mode, or -1 with errno. */
static int
open_as_user(const struct target_finder *finder, int base, const char *path, int flags, bool create, mode_t *mode)
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

/* create_target: make_path as root, and from where root may not go on, as the user. */
static int
create_target(const struct target_finder *finder, int base, const char *path, mode_t *mode)
{
	const char *rest;
	int fd, parent, error;

	*mode = S_IFDIR;
	fd = make_path(base, path, finder->session, &parent, &rest);
	if (fd < 0 && errno == EACCES && parent >= 0)
		fd = open_as_user(finder, parent, rest, O_PATH | O_DIRECTORY, true, mode);
	error = errno;
	if (parent >= 0)
		close(parent);
	errno = error;
	return fd;
}

static int
wrong_type(const char *target, int fd, mode_t mode, enum wire_mapping_type type, char *reason)
{
	if (type == WIRE_MAPPING_FILE ? S_ISREG(mode) : S_ISDIR(mode))
		return fd;
	close(fd);
	return refuse(reason, target, "it is %s, and the mapping's Type is %s",
	    S_ISDIR(mode) ? "a directory" : S_ISREG(mode) ? "a regular file" : "neither a regular file nor a directory",
	    type == WIRE_MAPPING_FILE ? "FILE" : "DIRECTORY");
}

static const char *
open_failure(int error)
{
	switch (error) {
	case ELOOP:
		return "a symbolic link is in its path";
	case EXDEV:
		return "it leads out of the data root";
	case ENOTDIR:
		return "it, or a part of its path, is not a directory";
	case ENOSYS:
		return "this kernel has no openat2(2): Linux 5.12 or newer is needed";
	default:
		return strerror(error);
	}
}

int
target_open(struct target_finder *finder, const char *target, enum wire_mapping_type type, bool create, char *reason)
{
	char path[PATH_BYTES_MAX + 1];
	struct stat status = { 0 };
	const char *below;
	size_t length;
	int fd, flags = O_PATH | (type == WIRE_MAPPING_DIRECTORY ? O_DIRECTORY : 0);

	if (!session_path_valid(target) || target[1] == '\0')
		return refuse(reason, target, "it names no bucket");
	if ((below = find_base(finder, target, reason)) == NULL)
		return -1;
	length = strlen(below);
	memcpy(path, below, length + 1);
	if (length > 0 && path[length - 1] == '/')
		path[length - 1] = '\0';

	fd = open_how(finder->base_fd, path[0] == '\0' ? "." : path, flags, BENEATH);
	if (fd >= 0 && fstat(fd, &status) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && errno == EACCES)
		fd = open_as_user(finder, finder->base_fd, path, flags, false, &status.st_mode);
	if (fd < 0 && errno == ENOENT && create && type == WIRE_MAPPING_DIRECTORY && finder->config->create_home)
		fd = create_target(finder, finder->base_fd, path, &status.st_mode);
	if (fd < 0 && errno == ENOENT)
		return refuse(reason, target, "there is no such %s%s", type == WIRE_MAPPING_FILE ? "file" : "directory",
		    type == WIRE_MAPPING_FILE ? "" : finder->config->create_home ? "" : " (CreateHome is no)");
	if (fd < 0)
		return refuse(reason, target, "%s", open_failure(errno));
	return wrong_type(target, fd, status.st_mode, type, reason);
}

bool
session_landing_target(const struct session *session, char *path)
{
	const struct session_mapping *mapping;
	size_t i, length, target_length;

	for (i = 0; i < session->mapping_count; i++) {
		mapping = &session->mappings[i];
		length = strlen(mapping->entry);
		length -= mapping->entry[length - 1] == '/';
		if (mapping->type != WIRE_MAPPING_DIRECTORY || strncmp(session->landing, mapping->entry, length) != 0 ||
		    session->landing[length] != '/' || session->landing[length + 1] == '\0')
			continue;
		target_length = strlen(mapping->target);
		target_length -= mapping->target[target_length - 1] == '/';
		return snprintf(path, PATH_BYTES_MAX + 1, "%.*s%s", (int)target_length, mapping->target,
		    session->landing + length) <= PATH_BYTES_MAX;
	}
	return false;
}

/* open_once: the target is there, or was made. */
static int
open_once(struct target_finder *finder, const char *target, enum wire_mapping_type type, char *reason)
{
	int fd = target_open(finder, target, type, true, reason);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static void __attribute__((noreturn))
check_process(const struct config *config, const struct session *session, int report)
{
	struct target_finder finder;
	char reason[REASON_MAX] = "";
	int failed = 0;
	size_t i;

	default_signals(config->target_seconds);
	target_finder_init(&finder, config, session);
	if (session->home_type == WIRE_HOME_PATH && !session_shows_all(session))
		failed = open_once(&finder, session->landing, WIRE_MAPPING_DIRECTORY, reason);
	for (i = 0; i < session->mapping_count && failed == 0; i++)
		failed = open_once(&finder, session->mappings[i].target, session->mappings[i].type, reason);
	if (failed == 0)
		snprintf(reason, sizeof(reason), "+");
	if (write(report, reason, strlen(reason)) < 0)
		_exit(1);
	_exit(0);
}

int
targets_check(const struct config *config, const struct session *session, char *reason)
{
	struct pollfd wait = { .events = POLLIN };
	int pipes[2], got;
	ssize_t length = 0;
	pid_t child;

	snprintf(reason, REASON_MAX, "targets can't be checked: no process or pipe to be had");
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0)
		check_process(config, session, pipes[1]);
	close(pipes[1]);
	if (child < 0) {
		close(pipes[0]);
		return -1;
	}
	wait.fd = pipes[0];
	/* A second longer than the process's own alarm: this wait is for a process that not even that can end. */
	do
		got = poll(&wait, 1, (int)(config->target_seconds + 1) * 1000);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		length = read(pipes[0], reason, REASON_MAX - 1);
	close(pipes[0]);
	if (got <= 0)
		kill(child, SIGKILL);
	waitpid(child, NULL, got > 0 ? 0 : WNOHANG);
	if (length <= 0)
		snprintf(reason, REASON_MAX, "a target did not answer within TargetSeconds %u", config->target_seconds);
	else
		reason[length] = '\0';
	return length == 1 && reason[0] == '+' ? 0 : -1;
}
