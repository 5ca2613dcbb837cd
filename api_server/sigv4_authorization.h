/* The Authorization header's value, its form alone: whose it is and what it is worth isn't judged. Private to sigv4*.c. */
#ifndef BERTH_SIGV4_AUTHORIZATION_H
#define BERTH_SIGV4_AUTHORIZATION_H

#include "api_server/sigv4.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

/* What stands in Credential after the key's id, in this order. */
enum { SCOPE_DATE, SCOPE_REGION, SCOPE_SERVICE, SCOPE_TERMINATOR, SCOPE_COUNT };

/*
 * authorization_parse: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…; these three in any order, with or
 * without spaces, each once and nothing else. Fills in all of *authorization but its time and date. A key id that can be
 * nobody's is left "", which is no fault of form. Returns 0 or -1 (IncompleteSignatureException); key_id is filled in then
 * too when it was found.
 */
int authorization_parse(const char *value, struct sigv4_authorization *authorization, struct sigv4_slice scope[SCOPE_COUNT],
    struct api_error *error);

#endif
