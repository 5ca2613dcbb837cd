#include "api_server/tls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_server/input_file.h"

#define CHAIN_MAX 16
#define KEY_ID    64 /* bytes of a public key's id; GnuTLS's is a SHA-1's 20 */

struct tls_identity {
	atomic_uint references;
	gnutls_pcert_st chain[CHAIN_MAX]; /* the server's own certificate first */
	unsigned chain_length;
	gnutls_privkey_t key;
	time_t begins, expires;
};

static int
import_chain(struct tls_identity *identity, const char *path, char *problem)
{
	gnutls_x509_crt_t certificate = NULL;
	unsigned count = CHAIN_MAX;
	struct input_file file;
	gnutls_datum_t pem;
	int result;

	if (input_file_read(path, false, &file, problem) != 0)
		return -1;
	pem = (gnutls_datum_t){ (unsigned char *)file.text, (unsigned)file.length };
	result = gnutls_pcert_list_import_x509_raw(identity->chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
	input_file_forget(&file);
	if (result == GNUTLS_E_SUCCESS)
		identity->chain_length = count;
	if (result == GNUTLS_E_SUCCESS)
		result = gnutls_x509_crt_init(&certificate);
	if (result == GNUTLS_E_SUCCESS)
		result = gnutls_x509_crt_import(certificate, &identity->chain[0].cert, GNUTLS_X509_FMT_DER);
	if (result == GNUTLS_E_SUCCESS) {
		identity->begins = gnutls_x509_crt_get_activation_time(certificate);
		identity->expires = gnutls_x509_crt_get_expiration_time(certificate);
	}
	gnutls_x509_crt_deinit(certificate);
	if (result == GNUTLS_E_SUCCESS)
		return 0;
	snprintf(problem, INPUT_FILE_PROBLEM, "%s: no certificate as PEM: %s", path, gnutls_strerror(result));
	return -1;
}

static int
import_key(struct tls_identity *identity, const char *path, char *problem)
{
	struct input_file file;
	gnutls_datum_t pem;
	int result;

	if (input_file_read(path, true, &file, problem) != 0)
		return -1;
	pem = (gnutls_datum_t){ (unsigned char *)file.text, (unsigned)file.length };
	result = gnutls_privkey_init(&identity->key);
	if (result == GNUTLS_E_SUCCESS)
		result = gnutls_privkey_import_x509_raw(identity->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	input_file_forget(&file);
	if (result == GNUTLS_E_SUCCESS)
		return 0;
	snprintf(problem, INPUT_FILE_PROBLEM, "%s: no private key as PEM without a passphrase: %s", path,
	    gnutls_strerror(result));
	return -1;
}

/* belong_together: whether the key is the certificate's. */
static bool
belong_together(const struct tls_identity *identity)
{
	unsigned char certified[KEY_ID], own[KEY_ID];
	size_t certified_length = sizeof(certified), own_length = sizeof(own);
	gnutls_pubkey_t public = NULL;
	bool same;

	same = gnutls_pubkey_init(&public) == GNUTLS_E_SUCCESS &&
	    gnutls_pubkey_import_privkey(public, identity->key, 0, 0) == GNUTLS_E_SUCCESS &&
	    gnutls_pubkey_get_key_id(public, 0, own, &own_length) == GNUTLS_E_SUCCESS &&
	    gnutls_pubkey_get_key_id(identity->chain[0].pubkey, 0, certified, &certified_length) == GNUTLS_E_SUCCESS &&
	    own_length == certified_length && memcmp(own, certified, own_length) == 0;
	gnutls_pubkey_deinit(public);
	return same;
}

struct tls_identity *
tls_identity_load(const char *certificate_file, const char *key_file, char *problem)
{
	struct tls_identity *identity = calloc(1, sizeof(*identity));

	if (identity == NULL) {
		snprintf(problem, INPUT_FILE_PROBLEM, "%s", strerror(errno));
		return NULL;
	}
	atomic_init(&identity->references, 1);
	if (import_chain(identity, certificate_file, problem) == 0 && import_key(identity, key_file, problem) == 0) {
		if (belong_together(identity))
			return identity;
		snprintf(problem, INPUT_FILE_PROBLEM, "%s: not the key of the certificate %s", key_file, certificate_file);
	}
	tls_identity_release(identity);
	return NULL;
}

struct tls_identity *
tls_identity_keep(struct tls_identity *identity)
{
	if (identity != NULL)
		atomic_fetch_add(&identity->references, 1);
	return identity;
}

void
tls_identity_release(struct tls_identity *identity)
{
	if (identity == NULL || atomic_fetch_sub(&identity->references, 1) != 1)
		return;
	for (unsigned i = 0; i < identity->chain_length; i++)
		gnutls_pcert_deinit(&identity->chain[i]);
	gnutls_privkey_deinit(identity->key);
	free(identity);
}

time_t
tls_identity_begins(const struct tls_identity *identity)
{
	return identity->begins;
}

time_t
tls_identity_expires(const struct tls_identity *identity)
{
	return identity->expires;
}

int
tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain, unsigned *chain_length,
    gnutls_privkey_t *key)
{
	struct tls_identity *identity = gnutls_session_get_ptr(session);

	(void)authorities;
	(void)authority_count;
	(void)algorithms;
	(void)algorithm_count;
	if (identity == NULL)
		return -1;
	*chain = identity->chain;
	*chain_length = identity->chain_length;
	*key = identity->key;
	return 0;
}
