/* The listening socket. */
#ifndef BERTH_HTTP_SOCKET_H
#define BERTH_HTTP_SOCKET_H

#include "common/host/config.h"

/* As text: "127.0.0.1:8443", "[::1]:8443". */
#define HTTP_SOCKET_NAME_MAX 64

void http_socket_name(const struct config_listen *place, char name[HTTP_SOCKET_NAME_MAX]);
/* http_socket_open: bound to ApiListen, and listening. Doesn't block. Returns the descriptor, or -1 after saying why in the
 * log. */
int http_socket_open(const struct config_listen *place);

#endif
