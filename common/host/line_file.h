/*
 * A log's file: whole lines, appended. Every call may wait for the disk. libc only.
 *
 * Nobody else may append to it. Others may rename or remove it (logrotate), which line_file_moved() sees, or cut it.
 */
#ifndef BERTH_LINE_FILE_H
#define BERTH_LINE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How much of a file's end is looked through when it is opened. More than is ever written before it is acknowledged. */
#define LINE_FILE_TAIL (1024 * 1024)

struct line_file {
	int fd;   /* -1: not open */
	bool torn; /* `end` is where the last whole line ends, and the file goes on */
	off_t end;
	dev_t device;
	ino_t inode;
};

#define LINE_FILE_CLOSED { .fd = -1 }

/* A line that was found in the file, without its newline. */
typedef void line_file_found(void *context, const char *line, size_t length);

/*
 * line_file_open: for appending, made (mode 0640) when it isn't there. A last line without its end, as a writer that was
 * killed may leave it, is cut off; `found`, unless NULL, is called for each line of the last LINE_FILE_TAIL bytes, the first
 * of which may lack its beginning. Returns NULL, or what was wrong; it is closed then.
 */
const char *line_file_open(struct line_file *file, const char *path, line_file_found *found, void *context);
void line_file_close(struct line_file *file);

/* line_file_append: lines. Returns how many bytes of whole lines are in the file now: when that isn't `length`, errno
 * says why, and the rest is to be given again. */
size_t line_file_append(struct line_file *file, const char *lines, size_t length);

/* line_file_has_room: whether the disk has room for so many bytes more, which it keeps for this file then. False with
 * errno. True where the file system can't tell. */
bool line_file_has_room(const struct line_file *file, off_t bytes);

/* line_file_moved: whether the path leads to another file by now, or to none. */
bool line_file_moved(const struct line_file *file, const char *path);

/* line_file_test: whether the calling process could open it; makes and changes nothing. NULL, or what is wrong. */
const char *line_file_test(const char *path);

#endif
