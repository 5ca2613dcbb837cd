/*
 * What each of Berth's daemons does to its own process, and what it tells systemd.
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

/* daemon_notify_ready: tells systemd (NOTIFY_SOCKET) that the daemon serves. Nothing to do without it. */
void daemon_notify_ready(void);

#endif
