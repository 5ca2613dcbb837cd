/*
 * The transfer log's file: whole lines, appended. Every call may wait for the disk.
 *
 * Nobody else may append to it. Others may rename or remove it (logrotate), which transfer_file_moved() sees, or cut it.
 */
#ifndef BERTH_TRANSFER_FILE_H
#define BERTH_TRANSFER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How much of a file's end is looked through when it is opened. More than is ever written before it is acknowledged. */
#define TRANSFER_FILE_TAIL (1024 * 1024)

struct transfer_file {
	int fd;   /* -1: not open */
	bool torn; /* `end` is where the last whole line ends, and the file goes on */
	off_t end;
	dev_t device;
	ino_t inode;
};

#define TRANSFER_FILE_CLOSED { .fd = -1 }

/* An event's line that was found in the file. */
typedef void transfer_file_found(void *context, const char *session, uint64_t sequence);

/*
 * transfer_file_open: for appending, made (mode 0640) when it isn't there. A last line without its end, as an agent that was
 * killed may leave it, is cut off; `found` is called for each event of the last TRANSFER_FILE_TAIL bytes. Returns NULL, or
 * what was wrong; it is closed then.
 */
const char *transfer_file_open(struct transfer_file *file, const char *path, transfer_file_found *found, void *context);
void transfer_file_close(struct transfer_file *file);

/* transfer_file_append: lines. Returns how many bytes of whole lines are in the file now: when that isn't `length`, errno
 * says why, and the rest is to be given again. */
size_t transfer_file_append(struct transfer_file *file, const char *lines, size_t length);

/* transfer_file_has_room: whether the disk has room for so many bytes more, which it keeps for this file then. False with
 * errno. True where the file system can't tell. */
bool transfer_file_has_room(const struct transfer_file *file, off_t bytes);

/* transfer_file_moved: whether the path leads to another file by now, or to none. */
bool transfer_file_moved(const struct transfer_file *file, const char *path);

/* transfer_file_test: whether the calling process could open it; makes and changes nothing. NULL, or what is wrong. */
const char *transfer_file_test(const char *path);

#endif
