/*
 * Where a request's body ends. libmicrohttpd goes by the first header that it finds; of a request that can be read in two
 * ways, a proxy in front may have read the other one, and what follows would be somebody else's request.
 */
#ifndef BERTH_FRAMING_H
#define BERTH_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api_server/sigv4.h"
#include "common/model/error.h"

struct framing {
	bool chunked;
	uint64_t length; /* Content-Length; 0 when chunked, or when there is no body */
	bool waits;      /* the client sends its body only when it is told to (Expect: 100-continue) */
};

/* framing_read: returns 0, or -1 with API_SERIALIZATION when the body's end isn't certain: the connection can't go on. */
int framing_read(const struct sigv4_header *headers, size_t count, const char *version, struct framing *framing,
    struct api_error *error);

#endif
