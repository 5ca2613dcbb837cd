/*
 * A line on its way to syslog, by whoever can't use syslog(3): that one waits, and keeps a socket of its own. libc only.
 */
#ifndef BERTH_LOG_SOCKET_H
#define BERTH_LOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define SYSLOG_SOCKET "/dev/log"

/* log_socket_open: a non-blocking datagram socket, connected to who listens at `path`; or -1 with errno. */
int log_socket_open(const char *path);

/*
 * log_socket_send: one datagram, without waiting. *fd is log_socket_open()'s, or -1; it is closed, and opened once more,
 * when nobody is at its other end any more, as after the daemon's restart. False: the datagram is lost.
 */
bool log_socket_send(int *fd, const char *path, const char *datagram, size_t length);

#endif
