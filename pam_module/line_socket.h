/*
 * How a sealed process reaches its transfer log: syslog(3) opens a socket to /dev/log for every line of sftp's, and there
 * is no /dev/log in a view. The filter (filter.h) traps that socket(2), and a handler gives syslog(3) one end of a
 * socketpair instead, whose other end berth-session reads; the connect(2) and the close(2) that follow succeed without
 * effect. Nobody else has to act for a line to go out, so nobody who is stopped or dead can hang the session.
 *
 * The descriptor is the process's and its children's for good: the filter lets nothing close it or take its place, and where
 * sshd closes all above stderr, the handler closes the others.
 */
#ifndef BERTH_PAM_LINE_SOCKET_H
#define BERTH_PAM_LINE_SOCKET_H

#include <stdbool.h>

/* From so many bytes on, of the socket's SO_SNDBUF, it is taken as full, with room left for a note. */
#define LINE_SOCKET_FULL(room) ((room) - (room) / 4)

/*
 * line_socket_install: to be called before filter_install() with the same descriptor. A non-blocking SOCK_SEQPACKET socket.
 * `required`: a line that can't go out within a second ends the process; otherwise it is counted, and the count goes out
 * with the next one, and now and then before. Returns 0, or -1 with errno.
 */
int line_socket_install(int fd, bool required);

/* line_socket_note: sends a note of session_channel.h: NUL, the letter, and the data. */
int line_socket_note(char letter, const void *data, unsigned char length);

#endif
