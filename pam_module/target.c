#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pam_module/path.h"
#include "pam_module/target.h"
#include "pam_module/target_make.h"

static int __attribute__((format(printf, 3, 4)))
refuse(char *reason, const char *target, const char *format, ...)
{
	char why[REASON_MAX / 2];
	va_list arguments;
	int error = errno;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(reason, REASON_MAX, "target %.200s: %s", target, why);
	errno = error;
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

/* find_bucket: the Bucket line of a target; NULL when its first component is a directory in the data root. */
static const struct config_bucket *
find_bucket(const struct config *config, const char *target)
{
	const char *name = target + 1;
	size_t length = strcspn(name, "/");

	for (size_t i = 0; i < config->bucket_count; i++)
		if (strlen(config->buckets[i].name) == length && memcmp(config->buckets[i].name, name, length) == 0)
			return &config->buckets[i];
	return NULL;
}

bool
target_host_path(const struct config *config, const char *target, char *path, size_t size)
{
	const struct config_bucket *bucket = find_bucket(config, target);
	int length;

	if (bucket == NULL)
		length = snprintf(path, size, "%s%s", config->data_root, target);
	else
		length = snprintf(path, size, "%s%s", bucket->path, target + 1 + strlen(bucket->name));
	return length >= 0 && (size_t)length < size;
}

/* find_base: puts the target's bucket into finder->base_fd; returns the path below it, or NULL with the reason. */
static const char *
find_base(struct target_finder *finder, const char *target, char *reason)
{
	const struct config_bucket *bucket = find_bucket(finder->config, target);
	const char *name = target + 1, *rest, *path;
	size_t length = strcspn(name, "/");

	rest = bucket == NULL ? name : name + length + (name[length] == '/');
	if (finder->base_fd >= 0 && finder->bucket == bucket)
		return rest;

	target_finder_close(finder);
	finder->bucket = bucket;
	path = bucket == NULL ? finder->config->data_root : bucket->path;
	/* A symbolic link in the operator's own path is refused too: whoever can write beside it could swap the whole
	 * root. */
	finder->base_fd = open_within(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (finder->base_fd >= 0)
		return rest;
	refuse(reason, target, "%s %s can't be opened: %s", bucket == NULL ? "DataRoot" : "Bucket", path,
	    errno == ELOOP ? "a symbolic link is in its path; name the real directory" : strerror(errno));
	return NULL;
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

	fd = open_within(finder->base_fd, path[0] == '\0' ? "." : path, flags, RESOLVE_TARGET);
	if (fd >= 0 && fstat(fd, &status) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && errno == EACCES)
		fd = target_open_as_user(finder, finder->base_fd, path, flags, false, &status.st_mode);
	if (fd < 0 && errno == ENOENT && create && type == WIRE_MAPPING_DIRECTORY && finder->config->create_home)
		fd = target_make(finder, finder->base_fd, path, &status.st_mode);
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

	target_process_signals(config->target_seconds);
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
