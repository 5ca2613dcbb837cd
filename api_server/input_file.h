/* Small files that the configuration names. */
#ifndef BERTH_INPUT_FILE_H
#define BERTH_INPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define INPUT_FILE_MAX     (256 * 1024)
#define INPUT_FILE_PROBLEM 512 /* bytes of a problem, which names the file */

struct input_file {
	char *text; /* `length` bytes and a NUL */
	size_t length;
};

/* input_file_read: a regular file; one that is secret must not be others' to read. Returns 0 (release with
 * input_file_forget()) or -1 with `problem`. */
int input_file_read(const char *path, bool secret, struct input_file *file, char *problem);
/* input_file_forget: overwrites it. */
void input_file_forget(struct input_file *file);

#endif
