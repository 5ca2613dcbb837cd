/*
 * Each target, opened as the PAM module opens it, in a process of its own that nothing but its alarm can hold up: a dead NFS
 * or FUSE server hangs whoever asks it. Nothing is made: of a missing directory it is said whether the login would make it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin_cmd/child.h"
#include "admin_cmd/cures.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/walk.h"
#include "pam_module/path.h"
#include "pam_module/target.h"
#include "pam_module/target_make.h"

#define SHOWN_MAX 20

/* What was seen of one target. */
struct seen {
	bool looked, there, would_be_made;
	bool has_status;
	uint32_t uid, gid, mode;
	int access; /* as the user: R_OK, W_OK, X_OK */
	char reason[REASON_MAX]; /* why it can't be opened; "" */
};

struct look {
	struct walk *walk;
	struct target_finder finder;
	size_t count;
	struct seen *seen; /* of each target, in shared memory */
};

/* target_at: the session's targets: its mappings, or the HomeDirectory that it lands in. */
static const char *
target_at(const struct session *session, size_t index, enum wire_mapping_type *type)
{
	*type = session->home_type == WIRE_HOME_LOGICAL ? session->mappings[index].type : WIRE_MAPPING_DIRECTORY;
	return session->home_type == WIRE_HOME_LOGICAL ? session->mappings[index].target : session->landing;
}

/*
 * In the process.
 */

/* access_as_user: of an open file, by the kernel's own judgement: owner, mode, ACL, read-only mounts. */
static int
access_as_user(const struct session *session, int fd)
{
	static const int MODES[] = { R_OK, W_OK, X_OK };
	gid_t groups[SECONDARY_GIDS_MAX];
	int status = 0, may = 0;
	pid_t child;

	for (size_t i = 0; i < session->secondary_gid_count; i++)
		groups[i] = session->secondary_gids[i];
	child = fork();
	if (child == 0) {
		if (setgroups(session->secondary_gid_count, groups) != 0 ||
		    setresgid(session->gid, session->gid, session->gid) != 0 ||
		    setresuid(session->uid, session->uid, session->uid) != 0)
			_exit(0);
		for (size_t i = 0; i < 3; i++)
			if (faccessat(fd, "", MODES[i], AT_EMPTY_PATH) == 0)
				may |= MODES[i];
		_exit(may);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static void
take_status(struct look *look, struct seen *seen, int fd)
{
	struct stat status;

	seen->has_status = fstat(fd, &status) == 0;
	if (seen->has_status) {
		seen->uid = status.st_uid;
		seen->gid = status.st_gid;
		seen->mode = status.st_mode & 07777;
	}
	seen->access = access_as_user(&look->walk->session, fd);
}

/* open_above: the nearest directory above a missing target that is there; `path` becomes its target, or "/". */
static int
open_above(struct look *look, char path[PATH_BYTES_MAX + 1])
{
	char ignored[REASON_MAX], *slash;
	int fd = -1;

	while (fd < 0 && (slash = strrchr(path, '/')) != NULL && slash > path) {
		*slash = '\0';
		if (slash[1] == '\0')
			continue;
		fd = target_open(&look->finder, path, WIRE_MAPPING_DIRECTORY, false, ignored);
	}
	if (fd >= 0)
		return fd;
	path[1] = '\0';
	return open_within(AT_FDCWD, look->walk->config->data_root, O_PATH | O_DIRECTORY,
	    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* judge_making: whether a login would make it: as root below what is root's alone, else as the user. */
static void
judge_making(struct look *look, const char *target, struct seen *seen)
{
	char path[PATH_BYTES_MAX + 1];
	struct stat status;
	int fd;

	snprintf(path, sizeof(path), "%s", target);
	fd = open_above(look, path);
	if (fd < 0)
		return;
	seen->would_be_made = (fstat(fd, &status) == 0 && status.st_uid == 0 && (status.st_mode & 022) == 0) ||
	    (access_as_user(&look->walk->session, fd) & (W_OK | X_OK)) == (W_OK | X_OK);
	if (!seen->would_be_made)
		snprintf(seen->reason, sizeof(seen->reason), "target %.200s: it isn't there, and the user may not make it in "
		    "%.200s", target, path);
	close(fd);
}

static void
look_at(struct look *look, size_t index)
{
	struct seen *seen = &look->seen[index];
	enum wire_mapping_type type;
	const char *target = target_at(&look->walk->session, index, &type);
	int fd = target_open(&look->finder, target, type, false, seen->reason);

	seen->there = fd >= 0;
	if (seen->there) {
		seen->reason[0] = '\0';
		take_status(look, seen, fd);
		close(fd);
	} else if (errno == ENOENT && look->finder.base_fd >= 0 && type == WIRE_MAPPING_DIRECTORY &&
	    look->walk->config->create_home) {
		judge_making(look, target, seen);
	}
	seen->looked = true;
}

static int
look_at_all(void *context)
{
	struct look *look = context;

	target_process_signals(look->walk->config->target_seconds);
	target_finder_init(&look->finder, look->walk->config, &look->walk->session);
	for (size_t i = 0; i < look->count; i++)
		look_at(look, i);
	return 0;
}

/*
 * What is said of it.
 */

static void
describe(struct walk *walk, const char *target, const struct seen *seen, char *text, size_t size)
{
	char place[2 * PATH_BYTES_MAX];

	if (!target_host_path(walk->config, target, place, sizeof(place)))
		snprintf(place, sizeof(place), "?");
	if (seen->has_status)
		snprintf(text, size, "%.200s is %.300s, %u:%u, mode %04o", target, place, seen->uid, seen->gid, seen->mode);
	else
		snprintf(text, size, "%.200s is %.300s", target, place);
}

/* cure_of_closed: what lets the user into their own target. */
static const char *
cure_of_closed(struct walk *walk, const char *target, const struct seen *seen)
{
	const struct posix_profile *profile = &walk->record->profile;
	char place[2 * PATH_BYTES_MAX], word[PATH_MAX];

	if (!target_host_path(walk->config, target, place, sizeof(place)) || strlen(place) >= sizeof(word) / 4 - 2)
		return "let its owner or its mode admit the user";
	place_word(place, word);
	if (seen->has_status && seen->uid == profile->uid)
		return walk_cure(walk, "chmod u+rwX %s", word);
	return walk_cure(walk, "chown %u:%u %s", profile->uid, profile->gid, word);
}

/* Returns whether the login gets past this target. */
static bool
say_target(struct walk *walk, const char *target, enum wire_mapping_type type, const struct seen *seen, bool say_well)
{
	int wanted = type == WIRE_MAPPING_FILE ? R_OK : R_OK | X_OK;
	char text[768];

	if (!seen->looked || (!seen->there && !seen->would_be_made)) {
		snprintf(text, sizeof(text), "%.700s", seen->looked ? seen->reason :
		    "a target did not answer in TargetSeconds");
		FAULT(walk, "target", cure_of(text), "%s%s%.300s", text, seen->looked ? "" : ": ",
		    seen->looked ? "" : target);
		return false;
	}
	describe(walk, target, seen, text, sizeof(text));
	if (seen->there && (seen->access & wanted) != wanted)
		WARNING(walk, "target", cure_of_closed(walk, target, seen), "%s: the user may not read it", text);
	else if (seen->there && (seen->access & W_OK) == 0 && say_well)
		WELL(walk, "target", "%s: the user may read it, and not write", text);
	else if (say_well)
		WELL(walk, "target", "%s: %s", text, seen->there ? "the user may read and write" :
		    "it isn't there; the login would make it");
	return true;
}

static bool
say_all(struct look *look)
{
	struct walk *walk = look->walk;
	size_t faults = 0, i;
	enum wire_mapping_type type;
	const char *target;

	for (i = 0; i < look->count && faults < SHOWN_MAX; i++) {
		target = target_at(&walk->session, i, &type);
		faults += !say_target(walk, target, type, &look->seen[i], i < SHOWN_MAX);
		if (!look->seen[i].looked)
			return false;
	}
	if (i > SHOWN_MAX)
		WELL(walk, "target", "%zu targets looked at, of %zu", i, look->count);
	return faults == 0;
}

/*
 * Entries: what view.c refuses when it makes their mount points.
 */

/* rank: a slash comes before all else, so that what lies in an entry follows it. */
static int
rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : 1 + (unsigned char)c;
}

static int
by_path(const void *one, const void *other)
{
	const char *a = *(const char *const *)one, *b = *(const char *const *)other;

	for (; *a != '\0' && *a == *b; a++, b++)
		;
	return rank(*a) - rank(*b);
}

/* lies_in: whether an entry is the other one, or below it; one slash at either's end doesn't count. */
static bool
lies_in(const char *entry, const char *other)
{
	size_t length = strlen(other);

	length -= length > 0 && other[length - 1] == '/';
	return strncmp(entry, other, length) == 0 && (entry[length] == '\0' || entry[length] == '/');
}

/* entries_fit: each once, none in another. */
static bool
entries_fit(struct walk *walk)
{
	const struct session *session = &walk->session;
	const char **entries = calloc(session->mapping_count + 1, sizeof(*entries));
	bool fit = true;

	for (size_t i = 0; entries != NULL && i < session->mapping_count; i++)
		entries[i] = session->mappings[i].entry;
	if (entries == NULL) {
		walk->findings->out_of_memory = true;
		return false;
	}
	qsort(entries, session->mapping_count, sizeof(*entries), by_path);
	for (size_t i = 1; fit && i < session->mapping_count; i++) {
		fit = !lies_in(entries[i], entries[i - 1]);
		if (!fit)
			FAULT(walk, "target", cure_of("repeats another entry"),
			    "entry %.300s: it repeats entry %.300s, or lies in it", entries[i], entries[i - 1]);
	}
	free(entries);
	return fit;
}

bool
walk_targets(struct walk *walk)
{
	struct session *session = &walk->session;
	struct look look = { .walk = walk, .count = 1 };
	size_t size;
	bool well;

	if (session->home_type == WIRE_HOME_PATH && session_shows_all(session)) {
		WELL(walk, "target", "HomeDirectoryType PATH without a HomeDirectory: every bucket (PathShowsAll)");
		return true;
	}
	if (!entries_fit(walk))
		return false;
	if (session->home_type == WIRE_HOME_LOGICAL)
		look.count = session->mapping_count;
	size = look.count * sizeof(*look.seen);
	look.seen = child_memory(size);
	if (look.seen == NULL) {
		walk->findings->out_of_memory = true;
		return false;
	}
	(void)child_run(NULL, walk->config->target_seconds + 1, look_at_all, &look);
	well = say_all(&look);
	child_memory_free(look.seen, size);
	return well;
}
