/*
 * A thread beside a daemon's main one, which signals don't reach. libc only.
 */
#ifndef BERTH_BACKGROUND_THREAD_H
#define BERTH_BACKGROUND_THREAD_H

#include <pthread.h>

/* background_thread_start: name: at most 15 characters. Returns 0, or -1 with errno. */
int background_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context);

#endif
