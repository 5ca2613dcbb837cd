/*
 * The files of a log that is rotated: FILE itself, FILE.1, FILE.2 … or FILE-20261122 …, the way logrotate(8) names them.
 * Which one is which is told by the inode: a file keeps it when it gets another name.
 */
#ifndef BERTH_TAIL_ROTATION_H
#define BERTH_TAIL_ROTATION_H

#include <stdbool.h>
#include <stddef.h>

/* tail_open: for reading. A descriptor, or -1 with errno; ELOOP: a symbolic link, which whoever owns the directory could
 * have made to point at anything; ENOTSUP: no regular file. */
int tail_open(const char *path);

struct tail_gap {
	bool lost;      /* what came after the file isn't known: it was removed */
	size_t skipped; /* so many that came after it are compressed */
};

/*
 * tail_next_file: the file that came after the one that is open as fd. A descriptor; or -1 when fd is still the newest,
 * nothing was written to the next one yet (the writer may go on with the old one until then), or it can't be opened: then
 * with errno, otherwise errno is 0. *gap is set with a descriptor.
 */
int tail_next_file(const char *path, int fd, struct tail_gap *gap);

#endif
