/*
 * The server's certificate and key. Reference counted: a connection keeps those that its handshake began with.
 */
#ifndef BERTH_TLS_H
#define BERTH_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stddef.h>
#include <time.h>

/* TLS 1.2 and 1.3, forward secrecy and authenticated encryption alone. */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:" \
    "+AES-128-GCM:%SERVER_PRECEDENCE"

struct tls_identity;

/*
 * tls_identity_load: PEM files, the certificate with the chain that clients need. The key file must not be others' to read;
 * both must belong together. Returns NULL with `problem` (INPUT_FILE_PROBLEM bytes), which names the file.
 */
struct tls_identity *tls_identity_load(const char *certificate_file, const char *key_file, char *problem);
struct tls_identity *tls_identity_keep(struct tls_identity *identity); /* another reference; NULL is fine */
void tls_identity_release(struct tls_identity *identity);              /* NULL is fine */

/* tls_identity_begins, tls_identity_expires: from when to when the server's own certificate is valid. */
time_t tls_identity_begins(const struct tls_identity *identity);
time_t tls_identity_expires(const struct tls_identity *identity);

/* tls_retrieve: for MHD_OPTION_HTTPS_CERT_CALLBACK. The session's pointer (gnutls_session_set_ptr()) is the identity. */
gnutls_certificate_retrieve_function2 tls_retrieve;

#endif
