/* The data root and the buckets: each looked at in a process of its own, for a dead file server holds whoever asks it. */
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"

#define LINK "data-root"
#define SECONDS 5
#define LINE_MAX_LENGTH 8192

struct place {
	const char *keyword; /* "DataRoot", "Bucket NAME" */
	const char *path;
	bool is_root; /* the data root */
};

static void
add_missing(struct checks *checks, const struct place *place, int problem)
{
	char cure[CURE_MAX], word[PATH_MAX];

	place_word(place->path, word);
	if (problem == ENOENT && place->is_root)
		cure_format(cure, "install -d -m 0755 %s", word);
	else if (problem == ENOENT)
		cure_format(cure, "Mount what belongs there; if it is no mount, install -d -m 0755 %s", word);
	else
		cure_format(cure, "Put it right, or name another directory in %s.", checks->doctor->config_file);
	check_fault(checks, LINK, cure, "%s %s: %s", place->keyword, place->path, strerror(problem));
}

/* judge_owner: whoever else may write on the way could put another directory in its place. The path of a Bucket line itself
 * may be a user's: targets are looked for beneath it, and nothing leads out. */
static bool
judge_owner(struct checks *checks, const struct place *place)
{
	char above[PATH_MAX];
	struct place_fault fault;
	struct stat status;
	char cure[CURE_MAX], word[PATH_MAX];

	if (place_judge_path(place->is_root ? place->path : place_above(place->path, above), &fault) == 1) {
		check_fault(checks, LINK, fault.cure, "%s: %s", place->keyword, fault.found);
		return false;
	}
	if (stat(place->path, &status) == 0 && (status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		check_warning(checks, LINK,
		    cure_format(cure, "chmod o-w %s", place_word(place->path, word)),
		    "%s: %s may be written by everybody on this host", place->keyword, place->path);
	return true;
}

/*
 * judge_mount: a view is nosuid, nodev and noexec whatever its files are mounted with; the host's own mount of them is where
 * an account of the host could run what a user has put there. Advice, so a warning; and only where something can be done
 * about it: for a directory of the host's own file system a line at each run would only be passed over.
 */
static void
judge_mount(struct checks *checks, const struct place *place)
{
	char cure[CURE_MAX], word[PATH_MAX];
	struct place_mount mount;
	struct statvfs status;

	if (statvfs(place->path, &status) != 0 || place_mount_find(place->path, &mount) != 0)
		return;
	if ((status.f_flag & ST_RDONLY) != 0)
		check_warning(checks, LINK,
		    cure_format(cure, "mount -o remount,rw %s", place_word(mount.point, word)),
		    "%s %s is mounted read-only, so nothing can be uploaded", place->keyword, place->path);
	if (strcmp(mount.point, place->path) == 0 && (status.f_flag & (ST_NOSUID | ST_NODEV)) != (ST_NOSUID | ST_NODEV))
		check_warning(checks, LINK,
		    cure_format(cure, "mount -o remount,nosuid,nodev,noexec %s", place_word(mount.point, word)),
		    "%s %s is mounted without nosuid and nodev; /etc/fstab should say them, too", place->keyword,
		    place->path);
}

static void
look(struct checks *checks, void *shared)
{
	const struct place *place = *(const struct place **)shared;
	char real[PATH_MAX], cure[CURE_MAX];
	struct stat status;

	if (stat(place->path, &status) != 0 || realpath(place->path, real) == NULL) {
		add_missing(checks, place, errno);
		return;
	}
	if (!S_ISDIR(status.st_mode)) {
		add_missing(checks, place, ENOTDIR);
		return;
	}
	if (strcmp(real, place->path) != 0) {
		check_fault(checks, LINK,
		    cure_format(cure, "Name the real directory, %s, in %s.", real, checks->doctor->config_file),
		    "%s %s: a symbolic link is in its path, and no session is let through one", place->keyword, place->path);
		return;
	}
	if (!judge_owner(checks, place))
		return;
	judge_mount(checks, place);
	place_check_room(checks, LINK, place->keyword, place->path);
}

static bool
is_at_or_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strcmp(directory, "/") != 0 && strncmp(path, directory, length) == 0 && (path[length] == '/' ||
	    path[length] == '\0');
}

/* is_mounted: by the names alone; a dead file server isn't asked. */
static bool
is_mounted(const char *point)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char line[LINE_MAX_LENGTH];
	struct mntent entry;
	bool found = false;

	while (mounts != NULL && !found && getmntent_r(mounts, &entry, line, sizeof(line)) != NULL)
		found = strcmp(entry.mnt_dir, point) == 0;
	if (mounts != NULL)
		endmntent(mounts);
	return found;
}

/* judge_fstab: what should be mounted there and isn't: users would write to what lies beneath. */
static void
judge_fstab(struct checks *checks, const struct place *place)
{
	FILE *table = setmntent("/etc/fstab", "re");
	char line[LINE_MAX_LENGTH], cure[CURE_MAX], word[PATH_MAX];
	struct mntent entry;

	while (table != NULL && getmntent_r(table, &entry, line, sizeof(line)) != NULL) {
		size_t length = strlen(entry.mnt_dir);

		while (length > 1 && entry.mnt_dir[length - 1] == '/')
			entry.mnt_dir[--length] = '\0';
		if (entry.mnt_dir[0] != '/' || hasmntopt(&entry, "noauto") != NULL ||
		    (!is_at_or_below(place->path, entry.mnt_dir) && !is_at_or_below(entry.mnt_dir, place->path)) ||
		    is_mounted(entry.mnt_dir))
			continue;
		check_fault(checks, LINK, cure_format(cure, "mount %s", place_word(entry.mnt_dir, word)),
		    "%s %s: %s of /etc/fstab isn't mounted, so users see the directory beneath it", place->keyword,
		    place->path,
		    entry.mnt_dir);
	}
	if (table != NULL)
		endmntent(table);
}

static void
check_place(struct checks *checks, const struct place *place)
{
	size_t before = checks->findings->count;
	const struct place *shared = place;

	judge_fstab(checks, place);
	if (checks->findings->count > before)
		return;
	if (apart_run(checks, NULL, SECONDS, look, &shared, sizeof(shared)) != 0)
		check_fault(checks, LINK, "Mend the file server, or `umount -l` what doesn't answer.",
		    "%s %s: %s", place->keyword, place->path, errno == ETIMEDOUT ? "no answer within 5 s" : strerror(errno));
}

void
check_data(struct checks *checks)
{
	const struct config *config = checks->config;
	size_t before = checks->findings->count;
	struct place place = { .keyword = "DataRoot", .path = config->data_root, .is_root = true };
	char keyword[256];

	if (!checks->doctor->configured) {
		check_unknown(checks, LINK, "the configuration names it");
		return;
	}
	check_place(checks, &place);
	for (size_t i = 0; i < config->bucket_count; i++) {
		snprintf(keyword, sizeof(keyword), "Bucket %s", config->buckets[i].name);
		place = (struct place){ .keyword = keyword, .path = config->buckets[i].path };
		check_place(checks, &place);
	}
	if (checks->findings->count == before)
		check_ok(checks, LINK, "%s%s: there, and nobody but root can put another in its place",
		    config->data_root, config->bucket_count > 0 ? " and the Bucket paths" : "");
}
