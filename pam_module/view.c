#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pam_module/path.h"
#include "pam_module/syscalls.h"
#include "pam_module/target.h"
#include "pam_module/view.h"

/* The sealed root is ours alone until the end: nothing in it may be a symbolic link, or a mapping that is mounted
 * already. */
#define INSIDE_ROOT (RESOLVE_TARGET | RESOLVE_NO_XDEV)

struct view {
	struct target_finder finder;
	char *progress, *reason;
	bool lands;    /* the landing directory is there, as far as is known */
	int root;      /* the mount that becomes the session's root */
	int processes; /* /proc/self/fd of the host, to count what is left open */
	int parent;    /* the directory in the sealed root that the last entry went into, and its path */
	char parent_path[PATH_BYTES_MAX + 1];
};

static int __attribute__((format(printf, 2, 3)))
fail(struct view *view, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(view->reason, REASON_MAX, format, arguments);
	va_end(arguments);
	return -1;
}

static int
fail_call(struct view *view, const char *call)
{
	return fail(view, "%s: %s%s", call, strerror(errno), errno == ENOSYS ? " (Linux 5.12 or newer is needed)" : "");
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* make_private: so that nothing that is mounted or unmounted here is seen by the host, nor the other way round. */
static int
make_private(struct view *view)
{
	struct mount_attr private = { .propagation = MS_PRIVATE };

	view->processes = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (view->processes < 0)
		return fail_call(view, "/proc/self/fd");
	if (unshare(CLONE_NEWNS) != 0)
		return fail_call(view, "unshare");
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof(private)) != 0)
		return fail_call(view, "mount_setattr");
	return 0;
}

/* clone_target: the target as a detached mount of its own, without what is mounted below it. noexec matters: it stops
 * libraries being loaded from a view. */
static int
clone_target(struct view *view, const struct session_mapping *mapping)
{
	struct mount_attr sealed = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE,
	};
	int target, clone;

	snprintf(view->progress, REASON_MAX, "target %.300s did not answer", mapping->target);
	target = target_open(&view->finder, mapping->target, mapping->type, true, view->reason);
	if (target < 0)
		return -1;
	clone = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	close(target);
	if (clone < 0)
		return fail_call(view, "open_tree");
	if (mount_setattr(clone, "", AT_EMPTY_PATH, &sealed, sizeof(sealed)) == 0)
		return clone;
	fail_call(view, "mount_setattr");
	close(clone);
	return -1;
}

/* attach_root: from here on view->root is a mount of this namespace, on top of the host's root. */
static int
attach_root(struct view *view)
{
	if (move_mount(view->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0)
		return fail_call(view, "move_mount");
	return 0;
}

/* make_sealed_root: an empty tmpfs, root's. */
static int
make_sealed_root(struct view *view)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0)
		return fail_call(view, "fsopen");
	if (fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) == 0 &&
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		view->root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (view->root < 0)
		fail_call(view, "fsmount");
	close(context);
	return view->root < 0 ? -1 : attach_root(view);
}

/* make_parents: the directories of `path` (no leading slash, "" for the root itself) in the sealed root; the last as a
 * descriptor. */
static int
make_parents(struct view *view, const char *path)
{
	char component[NAME_MAX + 1];
	size_t length;
	int fd, next;

	fd = open_within(view->root, ".", O_PATH | O_DIRECTORY, INSIDE_ROOT);
	for (; fd >= 0 && *path != '\0'; path = path_next(path, length)) {
		next = -1;
		length = path_component(path, component);
		if (length > 0)
			next = open_within(fd, component, O_PATH | O_DIRECTORY, INSIDE_ROOT);
		if (next < 0 && errno == ENOENT && mkdirat(fd, component, 0755) == 0)
			next = open_within(fd, component, O_PATH | O_DIRECTORY, INSIDE_ROOT);
		close(fd);
		fd = next;
	}
	return fd;
}

/* find_parent: view->parent becomes the directory of the sealed root that holds the entry. Neighbours mostly share one. */
static int
find_parent(struct view *view, const char *path)
{
	if (view->parent >= 0 && strcmp(view->parent_path, path) == 0)
		return 0;
	close_fd(&view->parent);
	view->parent = make_parents(view, path);
	snprintf(view->parent_path, sizeof(view->parent_path), "%s", path);
	return view->parent < 0 ? -1 : 0;
}

/* make_mount_point: must be new. An entry that repeats another, lies in one or holds one ends here (EEXIST, EXDEV). */
static int
make_mount_point(struct view *view, const char *name, enum wire_mapping_type type)
{
	int fd;

	if (type == WIRE_MAPPING_DIRECTORY)
		return mkdirat(view->parent, name, 0755);
	fd = openat(view->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int
add_entry(struct view *view, const struct session_mapping *mapping)
{
	char path[PATH_BYTES_MAX + 1], *name;
	int clone, failed;

	snprintf(path, sizeof(path), "%s", mapping->entry + 1);
	if (path[0] != '\0' && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	if (path[0] == '\0')
		return fail(view, "entry / must stand alone, and be a directory");
	name = strrchr(path, '/');
	if (name != NULL)
		*name++ = '\0';
	if (find_parent(view, name == NULL ? "" : path) != 0 ||
	    make_mount_point(view, name == NULL ? path : name, mapping->type) != 0)
		return fail(view, "entry %.200s: %s", mapping->entry, errno == EEXIST || errno == EXDEV || errno == ENOTDIR ?
		    "it repeats another entry, or one lies in the other" : strerror(errno));
	clone = clone_target(view, mapping);
	if (clone < 0)
		return -1;
	failed = move_mount(clone, "", view->parent, name == NULL ? path : name, MOVE_MOUNT_F_EMPTY_PATH);
	if (failed != 0)
		fail_call(view, "move_mount");
	close(clone);
	return failed;
}

/* seal_root: nothing can be made at the root, by nobody. The mappings are mounts of their own and stay writable. */
static int
seal_root(struct view *view)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };

	close_fd(&view->parent);
	if (mount_setattr(view->root, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) != 0)
		return fail_call(view, "mount_setattr");
	return 0;
}

static bool
is_root_entry(const struct session *session)
{
	return session->mapping_count == 1 && session->mappings[0].type == WIRE_MAPPING_DIRECTORY &&
	    strcmp(session->mappings[0].entry, "/") == 0;
}

/* make_landing: a landing directory below an entry is made when it can be. It is no reason to keep its user out: sshd
 * lands in / then. */
static void
make_landing(struct view *view, const struct session *session)
{
	char landing[PATH_BYTES_MAX + 1], ignored[REASON_MAX];
	int fd;

	if (!session_landing_target(session, landing))
		return;
	snprintf(view->progress, REASON_MAX, "target %.300s did not answer", landing);
	fd = target_open(&view->finder, landing, WIRE_MAPPING_DIRECTORY, true, ignored);
	view->lands = fd >= 0;
	close_fd(&fd);
}

/* build_logical: the one entry "/" is the root itself, the user's own; others stand in a sealed root. */
static int
build_logical(struct view *view, const struct session *session)
{
	size_t i;

	if (is_root_entry(session)) {
		view->root = clone_target(view, &session->mappings[0]);
		if (view->root < 0)
			return -1;
		make_landing(view, session);
		return attach_root(view);
	}
	if (make_sealed_root(view) != 0)
		return -1;
	for (i = 0; i < session->mapping_count; i++)
		if (add_entry(view, &session->mappings[i]) != 0)
			return -1;
	make_landing(view, session);
	return seal_root(view);
}

static int
add_bucket(struct view *view, const char *name)
{
	char path[PATH_BYTES_MAX + 1];
	struct session_mapping mapping = { .type = WIRE_MAPPING_DIRECTORY, .entry = path, .target = path };

	if ((size_t)snprintf(path, sizeof(path), "/%s", name) >= sizeof(path) || !session_path_valid(path))
		return fail(view, "bucket %.100s: it can't be a path", name);
	return add_entry(view, &mapping);
}

static bool
is_configured_bucket(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->bucket_count; i++)
		if (strcmp(config->buckets[i].name, name) == 0)
			return true;
	return false;
}

/* add_all_buckets: PathShowsAll: the configured ones, and every directory in the data root. */
static int
add_all_buckets(struct view *view, const struct config *config)
{
	struct stat status;
	struct dirent *entry;
	int failed = 0;
	size_t i;
	DIR *root;

	for (i = 0; i < config->bucket_count && failed == 0; i++)
		failed = add_bucket(view, config->buckets[i].name);
	root = opendir(config->data_root);
	if (root == NULL)
		return fail(view, "DataRoot %s: %s", config->data_root, strerror(errno));
	while (failed == 0 && (entry = readdir(root)) != NULL)
		if (entry->d_name[0] != '.' && !is_configured_bucket(config, entry->d_name) &&
		    fstatat(dirfd(root), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
			failed = add_bucket(view, entry->d_name);
	closedir(root);
	return failed;
}

/* build_path: paths are what they are on the store: the one bucket that HomeDirectory lies in, in a sealed root. */
static int
build_path(struct view *view, const struct config *config, const struct session *session)
{
	char bucket[NAME_MAX + 1];
	int home;

	if (make_sealed_root(view) != 0)
		return -1;
	if (session_shows_all(session)) /* session_judge() has seen to it that this is allowed */
		return add_all_buckets(view, config) == 0 ? seal_root(view) : -1;
	snprintf(view->progress, REASON_MAX, "target %.300s did not answer", session->landing);
	home = target_open(&view->finder, session->landing, WIRE_MAPPING_DIRECTORY, true, view->reason);
	if (home < 0)
		return -1;
	close(home);
	if (path_component(session->landing + 1, bucket) == 0)
		return fail_call(view, session->landing);
	return add_bucket(view, bucket) == 0 ? seal_root(view) : -1;
}

/* switch_root: the host's mounts leave this namespace. Afterwards "/" is view->root, which is compared, not believed. */
static int
switch_root(struct view *view)
{
	struct stat wanted, root;

	if (fchdir(view->root) != 0)
		return fail_call(view, "fchdir");
	if (pivot_root(".", ".") != 0)
		return fail_call(view, "pivot_root");
	if (umount2(".", MNT_DETACH) != 0)
		return fail_call(view, "umount2");
	if (chdir("/") != 0)
		return fail_call(view, "chdir");
	if (fstat(view->root, &wanted) != 0 || stat("/", &root) != 0)
		return fail_call(view, "stat");
	if (wanted.st_dev != root.st_dev || wanted.st_ino != root.st_ino)
		return fail(view, "the root is not the view after pivot_root");
	return 0;
}

/* no_directory_open: a descriptor of a directory of the host leads out of any view. Ours are closed by now; another module's
 * may have been leaked into this process. */
static int
no_directory_open(struct view *view)
{
	struct dirent *entry;
	struct stat status;
	int fd, found = -1;
	DIR *list;

	list = fdopendir(view->processes);
	if (list == NULL)
		return fail_call(view, "fdopendir");
	view->processes = -1;
	errno = 0;
	while (found < 0 && (entry = readdir(list)) != NULL) {
		fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && fd != dirfd(list) && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
			found = fd;
		errno = 0;
	}
	if (errno != 0)
		fail_call(view, "/proc/self/fd");
	else if (found >= 0)
		fail(view, "descriptor %d is a directory of the host: another PAM module left it open", found);
	else
		view->reason[0] = '\0';
	closedir(list);
	return view->reason[0] == '\0' ? 0 : -1;
}

static int
build_and_enter(struct view *view, const struct config *config, const struct session *session)
{
	if (make_private(view) != 0)
		return -1;
	if (session->home_type == WIRE_HOME_LOGICAL ? build_logical(view, session) : build_path(view, config, session))
		return -1;
	if (switch_root(view) != 0)
		return -1;
	close_fd(&view->root);
	target_finder_close(&view->finder);
	return no_directory_open(view);
}

int
view_enter(const struct config *config, const struct session *session, bool *lands, char *progress, char *reason)
{
	struct view view = {
		.progress = progress, .reason = reason, .lands = true, .root = -1, .processes = -1, .parent = -1,
	};
	struct sigaction deadly = { .sa_handler = SIG_DFL }, action;
	sigset_t alarm_only, mask;
	mode_t creation_mask;
	int result;

	/* Only a signal with its default action ends a wait on a dead file server; a handler would not get to run. */
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigaction(SIGALRM, &deadly, &action);
	sigprocmask(SIG_UNBLOCK, &alarm_only, &mask);
	alarm(config->target_seconds);
	creation_mask = umask(022);
	/* sshd has set the user's group already; what is made here as root is root's whole. */
	setfsgid(0);

	snprintf(progress, REASON_MAX, "the view was not built");
	target_finder_init(&view.finder, config, session);
	result = build_and_enter(&view, config, session);
	close_fd(&view.parent);
	close_fd(&view.root);
	close_fd(&view.processes);
	target_finder_close(&view.finder);

	setfsgid(getegid());
	umask(creation_mask);
	alarm(0);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &action, NULL);
	*lands = view.lands;
	if (result == 0)
		progress[0] = '\0';
	return result;
}
