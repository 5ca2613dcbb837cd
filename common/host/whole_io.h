/*
 * Reading and writing that doesn't stop short: a signal, or a system call that did part of it, is no reason to. libc only.
 */
#ifndef BERTH_WHOLE_IO_H
#define BERTH_WHOLE_IO_H

#include <stddef.h>
#include <sys/types.h>

/* whole_write: returns how many bytes were written; when that isn't `length`, errno says why. */
size_t whole_write(int fd, const void *data, size_t length);

/* whole_read: what stands from this offset on, up to `size` bytes. Returns how many there were, fewer only where the file
 * ends; or -1 with errno. Leaves the descriptor's own offset alone. */
ssize_t whole_read(int fd, void *to, size_t size, off_t offset);

#endif
