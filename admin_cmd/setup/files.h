/*
 * A file that setup changes: read through a descriptor of its directory, copied, replaced in one step, and put back.
 *
 * While it is being replaced, the file as it was stays beside the new one under a name of its own (.NAME.berth-old), so
 * that putting it back needs no room on the disk and gives back the very file: bytes, owner, mode, times. Nobody takes these
 * names for a configuration; what a killed setup left of them, the next one removes.
 */
#ifndef BERTH_SETUP_FILES_H
#define BERTH_SETUP_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#define SETUP_WHY_MAX 1024
#define SETUP_BACKUP_DIR "/var/backups/berth"

/* setup_fail: what is wrong (printf's format), in `why` (SETUP_WHY_MAX bytes). Returns -1; errno stays. */
int setup_fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct setup_file {
	const char *path;
	struct stat status;    /* as it was read */
	char *text;            /* as it was read; NULL: there is none */
	char *wanted;          /* what it is to hold; NULL: it is to go */
	int directory;         /* -1: not open, maybe not there yet */
	bool begun, replaced;  /* setup_file_put() has begun; it is in place */
	char backup[PATH_MAX]; /* the copy's path; "": there is none */
};

#define SETUP_FILE_NONE { .directory = -1 }

/*
 * setup_file_read: into *file; wanted is the same text then. Its directory may be missing; nothing on the way may be a
 * symbolic link or somebody's who isn't root, nor may others write to the directory. 0, or -1 with `why` (SETUP_WHY_MAX
 * bytes). Either way setup_file_free() releases it.
 */
int setup_file_read(struct setup_file *file, const char *path, char *why);
void setup_file_free(struct setup_file *file);

/* setup_file_want: takes `text`, as wanted. */
void setup_file_want(struct setup_file *file, char *text);
bool setup_file_changes(const struct setup_file *file);

/* setup_file_copy: a copy in SETUP_BACKUP_DIR, with owner, mode and time of the file, whose name ends in the moment. Nothing
 * to do for a file that isn't there. setup_file_forget_copy: removes it again. */
int setup_file_copy(struct setup_file *file, const char *moment, char *why);
void setup_file_forget_copy(struct setup_file *file);

/* setup_file_put: what is wanted, in the file's place. -1 with `why`; it may be in place all the same (see replaced). */
int setup_file_put(struct setup_file *file, char *why);
/* setup_file_put_back: whatever setup_file_put() has done, undone. Nothing to do where it wasn't called. */
int setup_file_put_back(struct setup_file *file, char *why);
/* setup_file_settle: it stays as it is now. Takes away what this setup, or one that was killed, has left beside it. */
void setup_file_settle(struct setup_file *file);

/* setup_directory_open: a descriptor, under the same rules as above; -1 with errno, and with `why`. */
int setup_directory_open(const char *path, char *why);
/* setup_directory_make: root's, 0755; its parent must be there. 1: made, 0: was there, -1 with `why`. */
int setup_directory_make(const char *path, char *why);

#endif
