/* The kernel: each call that a view is made with, tried in a process that ends with what it has made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/sshd_process.h"

#define LINK "kernel"
#define SECONDS 5
#define PLACE "/run" /* any directory: what is mounted there only this process sees */

/* How far it came: the call that failed, and its errno. */
struct trial {
	char call[64]; /* "": all went well */
	int problem;
};

static int
failed(struct trial *trial, const char *call)
{
	trial->problem = errno;
	snprintf(trial->call, sizeof(trial->call), "%s", call);
	return -1;
}

static int
try_mounts(struct trial *trial)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE };
	int root, directory, tree, context, sealed;

	if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return failed(trial, "unshare(CLONE_NEWNS)");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	directory = (int)syscall(SYS_openat2, root, &PLACE[1], &how, sizeof(how));
	if (directory < 0)
		return failed(trial, "openat2");
	tree = open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return failed(trial, "open_tree");
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0)
		return failed(trial, "mount_setattr");
	context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return failed(trial, "fsopen(tmpfs)");
	sealed = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (sealed < 0)
		return failed(trial, "fsmount");
	if (move_mount(sealed, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
	    move_mount(tree, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		return failed(trial, "move_mount");
	return 0;
}

static int
try_filter(struct trial *trial)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };
	uint32_t actions[] = { SECCOMP_RET_TRAP, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]) != 0)
			return failed(trial, "seccomp(SECCOMP_GET_ACTION_AVAIL)");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return failed(trial, "seccomp(SECCOMP_SET_MODE_FILTER)");
	return 0;
}

static void
try_all(struct checks *checks, void *shared)
{
	(void)checks;
	if (try_mounts(shared) == 0)
		try_filter(shared);
}

static void
add_failure(struct checks *checks, const struct trial *trial, const char *release)
{
	if (trial->problem == ENOSYS)
		check_fault(checks, LINK, "Boot a kernel of Linux 5.12 or newer.",
		    "Linux %s has no %.60s, which views are made with", release, trial->call);
	else
		check_fault(checks, LINK,
		    "Let root have CAP_SYS_ADMIN and these calls: in a container --cap-add SYS_ADMIN, and a seccomp or "
		    "AppArmor profile "
		    "that allows them.",
		    "root may not make a view: %.60s: %s", trial->call, strerror(trial->problem));
}

/* check_confinement: what keeps sshd from what root may do here. */
static void
check_confinement(struct checks *checks)
{
	char path[64], *text = place_read("/sys/fs/selinux/enforce");
	pid_t sshd = sshd_process_id();

	if (text != NULL && text[0] == '1')
		check_fault(checks, LINK, "setenforce 0",
		    "SELinux is enforcing, and sshd asks it for the user's context after the view is entered");
	free(text);
	if (sshd == 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/attr/apparmor/current", sshd);
	text = place_read(path);
	if (text != NULL && text[0] != '\0' && strncmp(text, "unconfined", strlen("unconfined")) != 0)
		check_warning(checks, LINK,
		    "See that the profile lets sshd mount, unshare and pivot_root, or take it off with aa-disable "
		    "/usr/sbin/sshd.",
		    "sshd is confined by AppArmor: %.*s", (int)strcspn(text, "\n"), text);
	free(text);
}

void
check_kernel(struct checks *checks)
{
	size_t before = checks->findings->count;
	struct trial trial = { .problem = 0 };
	struct utsname name;

	uname(&name);
	if (apart_run(checks, NULL, SECONDS, try_all, &trial, sizeof(trial)) != 0)
		check_unknown(checks, LINK, "Linux %s: its calls can't be tried: %s", name.release,
		    strerror(errno));
	else if (trial.call[0] != '\0')
		add_failure(checks, &trial, name.release);
	check_confinement(checks);
	if (checks->findings->count == before)
		check_ok(checks, LINK, "Linux %s lets root make a view", name.release);
}
