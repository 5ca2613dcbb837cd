/*
 * /etc/passwd read as a file, never through NSS: which names and uids are the host's own. libc only, no allocation, no
 * state between calls.
 */
#ifndef BERTH_PASSWD_FILE_H
#define BERTH_PASSWD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line's name (length bytes, not closed with NUL) and uid. Return false to stop. */
typedef bool passwd_file_visit(void *context, const char *name, size_t length, uint32_t uid);

/*
 * passwd_file_each: calls visit for each entry of the file at path. Lines that aren't entries (comments, NIS's + and -,
 * no number for a uid) are passed over, but a name without a readable uid is visited with ID_NONE: the name is taken.
 * Returns 0, or -1 with errno when the file can't be read whole.
 */
int passwd_file_each(const char *path, passwd_file_visit *visit, void *context);

/*
 * passwd_file_find: does an entry of BERTH_PASSWD_FILE have this name (NULL: don't ask), and does one have this uid
 * (ID_NONE: don't ask)? Returns 0 with the answers set, or -1 with errno: the caller must then fail closed.
 */
int passwd_file_find(const char *name, uint32_t uid, bool *name_taken, bool *uid_taken);

#endif
