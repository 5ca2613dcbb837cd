/*
 * What a helper may still do once it runs. All helpers of a host have one uid, and each reads what a hostile user wrote: one
 * that was taken over must not get at the others, nor at anything else.
 */
#ifndef BERTH_SANDBOX_H
#define BERTH_SANDBOX_H

/* sandbox_prepare: no core files, no tracing, no new privileges, few descriptors; closes all from `first` on. Returns 0,
 * or -1 with errno. */
int sandbox_prepare(unsigned first);

/* sandbox_enter: from now on every system call that isn't on the list kills the process. Returns 0, or -1 with errno. */
int sandbox_enter(void);

#endif
