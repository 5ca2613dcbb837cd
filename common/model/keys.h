/*
 * SSH public keys as the Transfer API takes them: one line, "TYPE BASE64 [COMMENT]".
 */
#ifndef BERTH_KEYS_H
#define BERTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/model/error.h"
#include "common/model/record.h"

/*
 * keys_parse: body to *key: type, canonical base64, and the body as DescribeUser shows it. min_rsa_bits is the floor for
 * ssh-rsa. Refused, too: what has a second form (the base64, the blob and its numbers have one each), and keys for which
 * anybody can sign. Sets neither id nor date. Returns 0 (record_free_key() releases it), or -1 with API_INVALID_REQUEST and
 * what is wrong with the body or what it looks like instead.
 */
int keys_parse(const char *body, unsigned min_rsa_bits, struct ssh_key *key, struct api_error *error);

/* keys_looks_like: what a body is that isn't a usable public key line ("a private key; …"), or NULL. */
const char *keys_looks_like(const char *body);

/* keys_several_lines: whether a line follows the first one that isn't blank. */
bool keys_several_lines(const char *body);

/* keys_type_known: one of the five types. keys_is_base64: not empty, and only base64's characters. NULL is neither. */
bool keys_type_known(const char *type);
bool keys_is_base64(const char *text);

/* keys_fingerprint: of a blob in base64, as ssh-keygen -l prints it, "SHA256:…", into `fingerprint` (FINGERPRINT_MAX + 1
 * bytes). Returns 0, or -1 with "" there when it is no base64 or libcrypto fails. */
int keys_fingerprint(const char *base64, char *fingerprint);

/* keys_rsa_bits: of the modulus of an ssh-rsa key's blob in base64; 0: it is none. */
size_t keys_rsa_bits(const char *base64);

#endif
