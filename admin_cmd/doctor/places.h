/*
 * Files and directories as the checks look at them: whose they are, who may write, what they are mounted from, what room is
 * left.
 */
#ifndef BERTH_DOCTOR_PLACES_H
#define BERTH_DOCTOR_PLACES_H

#include <limits.h>

#include "admin_cmd/doctor/checks.h"

/* What is wrong with a place, and a command against it. */
struct place_fault {
	char found[CURE_MAX], cure[CURE_MAX];
};

/*
 * place_judge_path: sshd's own rule for what root runs or trusts: the file, and each directory on the way to it, symbolic
 * links followed, is root's, and nobody else may write it. Returns 0; 1 with the first that isn't; -1 with errno when it
 * can't be looked at.
 */
int place_judge_path(const char *path, struct place_fault *fault);

/* place_judge: one place by itself, no symbolic link followed: it is `owner`'s (a name for the cure), and its mode has none
 * of the bits of `denied`. As place_judge_path(). */
int place_judge(const char *path, uid_t uid, const char *owner, mode_t denied, struct place_fault *fault);

/* place_word: a path as a word of a shell's line, in quotes where it needs them. Returns `word` (PATH_MAX bytes). */
const char *place_word(const char *path, char *word);
/* place_above: the directory that a path lies in, in `directory` (PATH_MAX bytes), which is returned. */
const char *place_above(const char *path, char *directory);

/* place_read: a text file of 1 MiB at most, closed with NUL; the caller frees it. NULL with errno. */
char *place_read(const char *path);

/* What a place is mounted from. */
struct place_mount {
	char point[PATH_MAX]; /* where */
	char type[32];        /* "ext4" */
};
/* place_mount_find: 0, or -1 with errno. */
int place_mount_find(const char *path, struct place_mount *mount);

/*
 * place_check_room: adds a warning when the file system of `path` is about to be full, for users or of inodes; `what` names
 * the place in it.
 */
void place_check_room(struct checks *checks, const char *link, const char *what, const char *path);

#endif
