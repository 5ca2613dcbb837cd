/*
 * A function in a process of its own: as another user; where modules of others are loaded and run; where a dead file server
 * may hold whoever asks it. The process has our standard descriptors, and no signal is blocked in it. It leads a session: it
 * has no terminal into which another user could type, and is killed with all that it started. It ends when we do.
 */
#ifndef BERTH_CHILD_H
#define BERTH_CHILD_H

#include <stddef.h>
#include <stdio.h>

#define CHILD_SECONDS 20

/* Returns the process's exit status, 0 to 126. */
typedef int child_function(void *context);

/*
 * child_run: as `user`, an account of /etc/passwd (NULL: as the caller), for `seconds` at most. Returns the exit status;
 * 128 + N: signal N ended it; -1 with errno: ETIMEDOUT (killed; one that a dead file server holds is left behind), or why it
 * couldn't be started or become the user (identity_problem() has words for these).
 */
int child_run(const char *user, int seconds, child_function *function, void *context);

/* child_memory: all zero, shared with the processes that are started from now on; NULL: there is none. What a process of
 * another user leaves there is to be looked at as a stranger's. child_memory_free: takes NULL, too. */
void *child_memory(size_t size);
void child_memory_free(void *memory, size_t size);

/* Returns the process's exit status. What it writes to `out` is its answer. */
typedef int child_answer(void *context, FILE *out);

/*
 * child_ask: as the caller, for CHILD_SECONDS; the answer, cut at size - 1 bytes, closed with NUL. Returns the exit status,
 * or -1 with what became of it instead in `answer` ("gave no answer in 20 seconds", "was ended by signal 11").
 */
int child_ask(child_answer *function, void *context, char *answer, size_t size);

#endif
