/* The session of the tests of berth-session. */
#ifndef BERTH_TEST_SESSION_IDENTITY_H
#define BERTH_TEST_SESSION_IDENTITY_H

#include "common/wire/event.h"

static const struct event_session identity = {
	.id = "0123456789abcdef", .server_id = "s-0123456789abcdef0", .user = "alice", .client = "192.0.2.1",
	.client_port = 4022, .fingerprint = "SHA256:abc", .uid = 5001,
};

#endif
