/*
 * What each of Berth's daemons does to its own process.
 */
#ifndef BERTH_DAEMON_H
#define BERTH_DAEMON_H

/*
 * daemon_prepare: before the first descriptor is opened and the first account looked up. Whatever a library looks up goes
 * through files alone, never through our own NSS module; standard descriptors that were closed lead to /dev/null; umask 077;
 * SIGPIPE ignored. Returns 0, or -1 with errno.
 */
int daemon_prepare(void);

/* daemon_raise_limits: as many descriptors as the host gives; no core files. What can't be had is logged. */
void daemon_raise_limits(void);

#endif
