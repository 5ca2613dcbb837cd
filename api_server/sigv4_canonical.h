/* The canonical request, of which a signature is made. Private to sigv4*.c. */
#ifndef BERTH_SIGV4_CANONICAL_H
#define BERTH_SIGV4_CANONICAL_H

#include <stdbool.h>

#include "api_server/sigv4.h"

#define SIGV4_HEX (2 * SIGV4_HASH + 1) /* with the NUL */

/* canonical_hex: a hash in lower-case hexadecimal. */
void canonical_hex(const unsigned char hash[SIGV4_HASH], char hex[SIGV4_HEX]);

/*
 * canonical_hash: of the request's canonical form, with the headers that the authorization names; a path is normalised and
 * encoded once more, as for every service but S3. Returns 0 or -1 when memory is out or the library fails.
 */
int canonical_hash(const struct sigv4_request *request, const struct sigv4_authorization *authorization,
    const unsigned char body_hash[SIGV4_HASH], unsigned char hash[SIGV4_HASH], struct api_error *error);

/* canonical_query_signs: whether a query has a parameter of a signature (X-Amz-…), however it is encoded. */
bool canonical_query_signs(const char *query);

#endif
