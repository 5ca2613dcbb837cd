/*
 * Ending a process with its descendants.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/host/process_tree.h"
#include "common/wire/deadline.h"

#define KILL_MS 5000 /* how long a process may take to die of SIGKILL: it may hang in a dead file system */

struct process {
	pid_t pid, parent;
	unsigned long long started;
};

/* A tree's processes: `held[i]` belongs to `members[i]`. */
struct tree {
	struct process *members;
	struct pollfd *held;
	size_t count;
};

/* read_stat: the line of /proc/PID/stat, closed with NUL. */
static int
read_stat(pid_t pid, char *line, size_t size)
{
	char path[64];
	ssize_t length;
	int fd, saved;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	length = read(fd, line, size - 1);
	saved = errno;
	close(fd);
	errno = saved;
	if (length < 0)
		return -1;
	line[length] = '\0';
	return 0;
}

/* read_process: parent and start time. The name may hold anything, parentheses and spaces too: the last ')' ends it. */
static int
read_process(pid_t pid, struct process *process)
{
	char line[1024];
	const char *at;

	if (read_stat(pid, line, sizeof(line)) != 0)
		return -1;
	at = strrchr(line, ')');
	process->pid = pid;
	if (at != NULL && sscanf(at, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	    &process->parent, &process->started) == 2)
		return 0;
	errno = EPROTO;
	return -1;
}

unsigned long long
process_started(pid_t pid)
{
	struct process process;

	return read_process(pid, &process) == 0 ? process.started : 0;
}

/* has_ended: a pidfd is readable once its process has ended, reaped or not. */
static bool
has_ended(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) == 1;
}

int
process_open(pid_t pid, unsigned long long started)
{
	int pidfd = pidfd_open(pid, 0), saved;
	struct process process;

	if (pidfd < 0)
		return -1;
	/* Looked at only now that the pidfd holds the process: were it another one, its start would be another too. */
	if (read_process(pid, &process) == 0) {
		if (process.started == started && !has_ended(pidfd))
			return pidfd;
		errno = ESRCH;
	}
	saved = errno;
	close(pidfd);
	errno = saved;
	return -1;
}

/* tree_has: whether this pid is a member's. One that has ended doesn't count: its pid may be a stranger's now. */
static bool
tree_has(const struct tree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->members[i].pid == pid && !has_ended(tree->held[i].fd))
			return true;
	return false;
}

/* tree_add: holds one more process. One that ended meanwhile is no error. */
static int
tree_add(struct tree *tree, const struct process *process)
{
	struct process *members;
	struct pollfd *held;
	int pidfd = process_open(process->pid, process->started);

	if (pidfd < 0)
		return errno == ESRCH ? 0 : -1;
	members = realloc(tree->members, (tree->count + 1) * sizeof(*members));
	if (members != NULL)
		tree->members = members;
	held = realloc(tree->held, (tree->count + 1) * sizeof(*held));
	if (held != NULL)
		tree->held = held;
	if (members == NULL || held == NULL) {
		close(pidfd);
		errno = ENOMEM;
		return -1;
	}
	tree->members[tree->count] = *process;
	tree->held[tree->count] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	tree->count++;
	return 0;
}

static void
tree_free(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		close(tree->held[i].fd);
	free(tree->members);
	free(tree->held);
}

/* add_children: one walk over /proc. Returns how many were added, or -1. */
static ssize_t
add_children(struct tree *tree, DIR *proc)
{
	size_t before = tree->count;
	struct dirent *entry;
	struct process process;
	char *end;
	long pid;

	rewinddir(proc);
	while ((errno = 0, entry = readdir(proc)) != NULL) {
		pid = strtol(entry->d_name, &end, 10);
		if (*end != '\0' || pid <= 0 || pid > INT_MAX || tree_has(tree, (pid_t)pid))
			continue;
		if (read_process((pid_t)pid, &process) != 0 || !tree_has(tree, process.parent))
			continue;
		if (tree_add(tree, &process) != 0)
			return -1;
	}
	return errno != 0 ? -1 : (ssize_t)(tree->count - before);
}

/* add_descendants: walks until a walk finds nobody new. */
static int
add_descendants(struct tree *tree)
{
	DIR *proc = opendir("/proc");
	ssize_t added;
	int saved;

	if (proc == NULL)
		return -1;
	do {
		added = add_children(tree, proc);
	} while (added > 0);
	saved = errno;
	closedir(proc);
	errno = saved;
	return added < 0 ? -1 : 0;
}

/* wait_all: true when every process of the tree has ended before the time is over. */
static bool
wait_all(const struct tree *tree, int milliseconds)
{
	int64_t deadline = deadline_after(milliseconds);

	for (size_t i = 0; i < tree->count; i++) {
		struct pollfd ended = { .fd = tree->held[i].fd, .events = POLLIN };

		while (poll(&ended, 1, deadline_left(deadline)) != 1)
			if (deadline_left(deadline) == 0)
				return false;
	}
	return true;
}

static int
tree_kill(struct tree *tree)
{
	/* Whoever was started since the first walk. */
	if (add_descendants(tree) != 0)
		return -1;
	for (size_t i = 0; i < tree->count; i++)
		if (pidfd_send_signal(tree->held[i].fd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
			return -1;
	if (wait_all(tree, KILL_MS))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

int
process_tree_end(pid_t pid, unsigned long long started, int grace_ms)
{
	struct process root = { .pid = pid, .started = started };
	struct tree tree = { 0 };
	int result = -1, saved;

	if (tree_add(&tree, &root) != 0)
		goto out;
	if (tree.count == 0) {
		result = 0;
		goto out;
	}
	/* Before its end: a descendant whose parent has ended is nobody's child that could be told apart. */
	if (add_descendants(&tree) != 0)
		goto out;
	if (pidfd_send_signal(tree.held[0].fd, SIGTERM, NULL, 0) != 0 && errno != ESRCH)
		goto out;
	result = wait_all(&tree, grace_ms) ? 0 : tree_kill(&tree);
out:
	saved = errno;
	tree_free(&tree);
	errno = saved;
	return result;
}
