/*
 * One request, from its first line to its answer: what libmicrohttpd calls back for. Whatever it asks for, it gets one
 * answer, or the connection is closed.
 *
 * A refusal known from the headers waits until the body has been read, and passed over: a connection closed on a client that
 * still sends takes the answer along. Not so where the client waits itself (Expect: 100-continue), or where the end of the
 * body can't be known for sure.
 */
#ifndef BERTH_REQUEST_H
#define BERTH_REQUEST_H

#include <microhttpd.h>

#include "api_server/connection.h"

/* For MHD_OPTION_URI_LOG_CALLBACK: the target as it came, before libmicrohttpd decodes it. */
void *request_begin(void *api, const char *target, struct MHD_Connection *connection);
/* MHD_AccessHandlerCallback, MHD_RequestCompletedCallback. */
enum MHD_Result request_handle(void *api, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **context);
void request_end(void *api, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode how);

/* request_drop: the one that a connection still has when it is closed. libmicrohttpd 0.9.75 tells of no end when it refuses a
 * request by itself, for too many parameters or cookies. */
void request_drop(struct connection *connection);

#endif
