/*
 * The host key that DescribeServer tells clients to expect.
 */
#ifndef BERTH_HOST_KEY_H
#define BERTH_HOST_KEY_H

#include "common/host/config.h"
#include "common/wire/limits.h"

/*
 * host_key_fingerprint: of the configuration's HostPublicKey, or of the first of sshd's own that is there: ed25519, ecdsa,
 * rsa. "SHA256:" and base64 with its padding, as the service writes it (ssh-keygen -l leaves the last "=" out), into
 * fingerprint, of FINGERPRINT_MAX + 2 bytes; "" when no file can be read as a public key.
 */
void host_key_fingerprint(const struct config *config, char *fingerprint);

#endif
