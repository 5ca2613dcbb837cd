/*
 * The agent's listening socket. It must be listening before root is given up: SO_PEERCRED tells clients who called
 * listen(2), and they believe root alone.
 */
#ifndef BERTH_LISTENER_H
#define BERTH_LISTENER_H

/*
 * listener_open: the socket that systemd passed on (LISTEN_PID, LISTEN_FDS), or one made at BERTH_SOCKET. Non-blocking and
 * close-on-exec. A socket file that a killed agent left is replaced; one whose agent answers is not touched.
 * Returns the descriptor, or -1 after logging why.
 */
int listener_open(void);

#endif
