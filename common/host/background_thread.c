#include "common/host/background_thread.h"

#include <errno.h>
#include <signal.h>

int
background_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	int problem;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	problem = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (problem == 0)
		pthread_setname_np(*thread, name);
	errno = problem;
	return problem == 0 ? 0 : -1;
}
