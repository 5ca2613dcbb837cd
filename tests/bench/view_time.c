/*
 * view_time: building and entering a view, in a forked child each time: by view_enter(), or by the bare system calls that
 * any program must make for the same view, without a check or a second look.
 *
 *   view_time BATCH berth|bare BUCKET COUNT    targets /BUCKET/0000001 … below the data root, each an entry at the root
 */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/host/config.h"
#include "common/host/paths.h"
#include "pam_module/syscalls.h"
#include "pam_module/view.h"
#include "tests/bench/worker.h"

#define PATH_ROOM 64

struct view_bench {
	struct config config;
	struct session session;
	const char *bucket;
	bool bare;
};

static void
report_fault(void *context, const char *fault)
{
	(void)context;
	fprintf(stderr, "view_time: %s\n", fault);
}

static void
make_session(struct session *session, const char *bucket, size_t count)
{
	struct session_mapping *mappings = calloc(count, sizeof(*mappings));
	char *paths = calloc(count, PATH_ROOM);

	if (mappings == NULL || paths == NULL)
		worker_die("calloc");
	for (size_t i = 0; i < count; i++) {
		char *path = paths + i * PATH_ROOM;
		int length = snprintf(path, PATH_ROOM, "/%s/%07zu", bucket, i + 1);

		if (length >= PATH_ROOM) {
			errno = ENAMETOOLONG;
			worker_die(bucket);
		}
		mappings[i] = (struct session_mapping){ WIRE_MAPPING_DIRECTORY, strrchr(path, '/'), path };
	}
	*session = (struct session){ .uid = 5001, .gid = 5001, .home_type = WIRE_HOME_LOGICAL, .landing = "/",
		.mappings = mappings, .mapping_count = count };
}

/* must: the bare side's whole treatment of errors. */
static int
must(int result, const char *call)
{
	if (result < 0)
		worker_die(call);
	return result;
}

static int
bare_root(void)
{
	struct mount_attr private = { .propagation = MS_PRIVATE };
	int context, root;

	must(unshare(CLONE_NEWNS), "unshare");
	must(mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof(private)), "mount_setattr");
	context = must(fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen");
	must(fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0), "fsconfig");
	must(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig");
	root = must(fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), "fsmount");
	close(context);
	must(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
	return root;
}

static void
bare_mapping(int root, int base, const struct session_mapping *mapping)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	struct mount_attr sealed = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE };
	int target, clone;

	must(mkdirat(root, mapping->entry + 1, 0755), "mkdirat");
	target = must(openat2(base, mapping->target + 1, &how, sizeof(how)), "openat2");
	clone = must(open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH), "open_tree");
	close(target);
	must(mount_setattr(clone, "", AT_EMPTY_PATH, &sealed, sizeof(sealed)), "mount_setattr");
	must(move_mount(clone, "", root, mapping->entry + 1, MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
	close(clone);
}

static void
bare_view(const struct view_bench *bench)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	int root, base;

	root = bare_root();
	base = must(open(bench->config.data_root, O_PATH | O_DIRECTORY | O_CLOEXEC), bench->config.data_root);
	for (size_t i = 0; i < bench->session.mapping_count; i++)
		bare_mapping(root, base, &bench->session.mappings[i]);
	must(mount_setattr(root, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)), "mount_setattr");
	must(fchdir(root), "fchdir");
	must(pivot_root(".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount2");
	must(chdir("/"), "chdir");
	close(base);
	close(root);
}

static void __attribute__((noreturn))
child(const struct view_bench *bench, int report)
{
	char progress[REASON_MAX], reason[REASON_MAX] = "";
	double start = worker_now(), took;
	bool lands;

	if (bench->bare) {
		bare_view(bench);
	} else if (view_enter(&bench->config, &bench->session, &lands, progress, reason) != 0) {
		fprintf(stderr, "view_time: %s\n", reason);
		_exit(1);
	}
	took = worker_now() - start;
	_exit(write(report, &took, sizeof(took)) == (ssize_t)sizeof(took) ? 0 : 1);
}

/* view_sample: the child's own clock; forking it and taking its mounts down are not in the time. */
static double
view_sample(void *context)
{
	double took;
	int pipes[2], status;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		worker_die("pipe2");
	pid = fork();
	if (pid < 0)
		worker_die("fork");
	if (pid == 0)
		child(context, pipes[1]);
	close(pipes[1]);
	if (read(pipes[0], &took, sizeof(took)) != (ssize_t)sizeof(took) || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "view_time: no view\n");
		exit(1);
	}
	close(pipes[0]);
	return took;
}

int
main(int argc, char **argv)
{
	static struct view_bench bench;

	if (argc != 5 || (strcmp(argv[2], "berth") != 0 && strcmp(argv[2], "bare") != 0)) {
		fprintf(stderr, "usage: view_time BATCH berth|bare BUCKET COUNT\n");
		return 2;
	}
	if (config_load(&bench.config, BERTH_CONFIG_FILE, report_fault, NULL) != 0)
		return 1;
	bench.bare = strcmp(argv[2], "bare") == 0;
	make_session(&bench.session, argv[3], worker_number(argv[4]));
	return worker_serve(worker_number(argv[1]), view_sample, &bench);
}
