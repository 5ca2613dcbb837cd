/*
 * sshd's configuration files themselves, for what sshd -T doesn't tell: where a setting stands, and when it was changed.
 */
#ifndef BERTH_DOCTOR_SSHD_FILES_H
#define BERTH_DOCTOR_SSHD_FILES_H

#include <stddef.h>
#include <time.h>

/* sshd_files_find: the first line that gives a keyword another value than `expected`, "FILE line N", in `where`; "" when
 * none is found in the usual files. */
void sshd_files_find(const char *keyword, const char *expected, char *where, size_t size);

/* sshd_files_changed: when any of them was changed last, and which, in `file`. */
struct timespec sshd_files_changed(char *file, size_t size);

#endif
