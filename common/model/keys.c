#include "common/model/keys.h"

#include <ctype.h>
#include <libssh/libssh.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/text.h"

#define WHITE_SPACE " \t\n\v\f\r"
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* The five types; for a curve the name inside the blob, and the length of an uncompressed point. */
static const struct key_type {
	const char *name;
	const char *curve;
	size_t point_length;
} KEY_TYPES[] = {
	{ "ssh-rsa", NULL, 0 },
	{ "ssh-ed25519", NULL, 32 },
	{ "ecdsa-sha2-nistp256", "nistp256", 65 },
	{ "ecdsa-sha2-nistp384", "nistp384", 97 },
	{ "ecdsa-sha2-nistp521", "nistp521", 133 },
};

#define KEY_TYPE_NAMES "ssh-rsa, ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384 or ecdsa-sha2-nistp521"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* The blob of a public key while its fields are taken off the front (RFC 4253, 6.6). */
struct blob {
	const uint8_t *data;
	size_t left;
};

static const struct key_type *
find_type(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < LENGTH(KEY_TYPES); i++)
		if (strcmp(KEY_TYPES[i].name, name) == 0)
			return &KEY_TYPES[i];
	return NULL;
}

bool
keys_type_known(const char *type)
{
	return find_type(type) != NULL;
}

bool
keys_is_base64(const char *text)
{
	size_t length;

	if (text == NULL || text[0] == '\0')
		return false;
	length = strspn(text, BASE64);
	return length > 0 && strspn(text + length, "=") <= 2 && text[length + strspn(text + length, "=")] == '\0';
}

static bool
contains(const char *body, const char *what)
{
	return strcasestr(body, what) != NULL;
}

/* Whether a body holds a line end with something after it. */
static bool
several_lines(const char *body)
{
	const char *line_end = strpbrk(body, "\r\n");

	return line_end != NULL && line_end[strspn(line_end, WHITE_SPACE)] != '\0';
}

static const char *
looks_like_file(const char *body)
{
	if (contains(body, "PRIVATE KEY") || contains(body, "PuTTY-User-Key-File"))
		return "a private key; keep it secret and give the line in the .pub file";
	if (strncmp(body, "---- BEGIN SSH2", 15) == 0)
		return "a public key in SSH2 (RFC 4716) format; convert it with ssh-keygen -i";
	if (contains(body, "BEGIN PGP"))
		return "a PGP key, which SSH can't use";
	if (contains(body, "BEGIN CERTIFICATE"))
		return "an X.509 certificate, which SSH can't use";
	if (contains(body, "-----BEGIN"))
		return "a public key in PEM format; convert it with ssh-keygen -i -m PKCS8";
	return NULL;
}

const char *
keys_looks_like(const char *body)
{
	const char *file;
	char first[64];
	size_t length;

	body += strspn(body, WHITE_SPACE);
	file = looks_like_file(body);
	if (file != NULL)
		return file;
	length = strcspn(body, WHITE_SPACE);
	snprintf(first, sizeof(first), "%.*s", (int)(length < sizeof(first) ? length : sizeof(first) - 1), body);
	if (body[0] == '\0')
		return "nothing at all";
	if (contains(first, "-cert-v0"))
		return "a certificate; give the plain public key";
	if (strncmp(first, "sk-", 3) == 0)
		return "a key of a security token (sk-), which isn't supported";
	if (strcmp(first, "ssh-dss") == 0)
		return "a DSA key, which OpenSSH no longer takes";
	if (strcmp(first, "ssh-rsa1") == 0 ||
	    (isdigit((unsigned char)first[0]) && first[strspn(first, "0123456789")] == '\0'))
		return "a key of SSH protocol 1";
	if (several_lines(body))
		return "several lines, as in an authorized_keys file; import each key by itself";
	if (strncmp(first, "AAAA", 4) == 0)
		return "a key without its type in front";
	if (first[0] == '#')
		return "a comment";
	if (strncmp(first, "ssh-", 4) != 0 && strncmp(first, "ecdsa-", 6) != 0 &&
	    (contains(body, "ssh-") || contains(body, "ecdsa-")))
		return "a line of an authorized_keys file with options in front; give the key alone";
	return NULL;
}

static int
bad_key(struct api_error *error, const char *body, const char *problem)
{
	const char *looks_like = keys_looks_like(body);

	if (looks_like != NULL)
		return api_fail(error, API_INVALID_REQUEST, "SshPublicKeyBody: this looks like %s", looks_like);
	return api_fail(error, API_INVALID_REQUEST,
	    "SshPublicKeyBody: %s; it must be one line, TYPE BASE64 [COMMENT], of a public key of type " KEY_TYPE_NAMES,
	    problem);
}

/* Trimmed, each run of white space as one space. */
static char *
normalise(const char *body)
{
	char *copy = malloc(strlen(body) + 1), *to = copy;

	if (copy == NULL)
		return NULL;
	body += strspn(body, WHITE_SPACE);
	while (*body != '\0') {
		if (strchr(WHITE_SPACE, *body) == NULL) {
			*to++ = *body++;
			continue;
		}
		body += strspn(body, WHITE_SPACE);
		if (*body != '\0')
			*to++ = ' ';
	}
	*to = '\0';
	return copy;
}

static bool
take_string(struct blob *blob, struct blob *string)
{
	size_t length;

	if (blob->left < 4)
		return false;
	length = (size_t)blob->data[0] << 24 | (size_t)blob->data[1] << 16 | (size_t)blob->data[2] << 8 | blob->data[3];
	if (length > blob->left - 4)
		return false;
	string->data = blob->data + 4;
	string->left = length;
	blob->data += 4 + length;
	blob->left -= 4 + length;
	return true;
}

static bool
take_name(struct blob *blob, const char *name)
{
	struct blob string;

	return take_string(blob, &string) && string.left == strlen(name) && memcmp(string.data, name, string.left) == 0;
}

/* An integer that is positive, odd and written without a superfluous zero byte. Its bits, or 0 when it is no such one. */
static size_t
take_odd(struct blob *blob)
{
	struct blob number;
	size_t bits;
	uint8_t top;

	if (!take_string(blob, &number) || number.left == 0 || (number.data[0] & 0x80) != 0 ||
	    (number.data[number.left - 1] & 1) == 0)
		return 0;
	if (number.data[0] == 0) {
		if (number.left == 1 || (number.data[1] & 0x80) == 0)
			return 0;
		return (number.left - 1) * 8;
	}
	bits = (number.left - 1) * 8;
	for (top = number.data[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

static int
check_rsa(struct blob *blob, unsigned min_bits, const char *body, struct api_error *error)
{
	size_t exponent_bits = take_odd(blob), modulus_bits;

	if (exponent_bits < 2)
		return bad_key(error, body, "the RSA key's exponent is not an odd number from 3 up");
	modulus_bits = take_odd(blob);
	if (modulus_bits == 0)
		return bad_key(error, body, "the RSA key's modulus is not an odd positive number");
	if (modulus_bits < min_bits)
		return api_fail(error, API_INVALID_REQUEST,
		    "SshPublicKeyBody: the RSA key has %zu bits; MinRsaBits asks for at least %u", modulus_bits, min_bits);
	return 0;
}

/* The blob's fields are those of its type, and it ends with the last of them. */
static int
check_blob(const struct key_type *type, struct blob blob, unsigned min_rsa_bits, const char *body, struct api_error *error)
{
	struct blob point;

	if (!take_name(&blob, type->name))
		return bad_key(error, body,
		    "the type inside the key is not the one in front of it, or the key is cut short");
	if (strcmp(type->name, "ssh-rsa") == 0) {
		if (check_rsa(&blob, min_rsa_bits, body, error) == -1)
			return -1;
	} else {
		if (type->curve != NULL && !take_name(&blob, type->curve))
			return bad_key(error, body, "the curve inside the key is not the one of its type");
		if (!take_string(&blob, &point) || point.left != type->point_length ||
		    (type->curve != NULL && point.data[0] != 4))
			return bad_key(error, body, "the key is cut short or malformed");
	}
	if (blob.left != 0)
		return bad_key(error, body, "bytes trail the key");
	return 0;
}

/* libssh must take the key, and write it out again as the same base64: nothing in it that only some readers see. */
static int
check_with_library(const struct key_type *type, const char *base64, const char *body, struct api_error *error)
{
	ssh_key parsed = NULL;
	char *written = NULL;
	int result = -1;

	if (ssh_pki_import_pubkey_base64(base64, ssh_key_type_from_name(type->name), &parsed) != SSH_OK)
		bad_key(error, body, "the key is malformed");
	else if (ssh_pki_export_pubkey_base64(parsed, &written) != SSH_OK)
		bad_key(error, body, "the key can't be used");
	else if (strcmp(written, base64) != 0)
		bad_key(error, body, "the key is not in its canonical form");
	else
		result = 0;
	ssh_string_free_char(written);
	ssh_key_free(parsed);
	return result;
}

static int
check_key(const struct key_type *type, const char *base64, unsigned min_rsa_bits, const char *body, struct api_error *error)
{
	size_t length = strlen(base64), padding = length - strcspn(base64, "=");
	uint8_t decoded[KEY_BASE64_MAX / 4 * 3 + 3];
	char encoded[KEY_BASE64_MAX + 4];
	struct blob blob = { .data = decoded };
	int count;

	if (length > KEY_BASE64_MAX || length % 4 != 0 || !keys_is_base64(base64))
		return bad_key(error, body, "its base64 is cut short or malformed");
	count = EVP_DecodeBlock(decoded, (const unsigned char *)base64, (int)length);
	if (count < 0 || (size_t)count < padding)
		return bad_key(error, body, "its base64 is malformed");
	blob.left = (size_t)count - padding;
	EVP_EncodeBlock((unsigned char *)encoded, decoded, (int)blob.left);
	if (strcmp(encoded, base64) != 0)
		return bad_key(error, body, "its base64 is not in canonical form");
	if (check_blob(type, blob, min_rsa_bits, body, error) == -1)
		return -1;
	return check_with_library(type, base64, body, error);
}

int
keys_parse(const char *body, unsigned min_rsa_bits, struct ssh_key *key, struct api_error *error)
{
	const struct key_type *type;
	char *base64;
	size_t type_length;

	memset(key, 0, sizeof(*key));
	if (several_lines(body + strspn(body, WHITE_SPACE)))
		return bad_key(error, body, "it has several lines");
	key->body = normalise(body);
	if (key->body != NULL && text_has_control(key->body)) {
		bad_key(error, body, "it holds a control character");
		goto fail;
	}
	if (key->body == NULL)
		return api_fail_memory(error);
	type_length = strcspn(key->body, " ");
	if (type_length <= KEY_TYPE_MAX)
		snprintf(key->type, sizeof(key->type), "%.*s", (int)type_length, key->body);
	type = find_type(key->type);
	if (type == NULL || key->body[type_length] == '\0') {
		bad_key(error, body, type == NULL ? "its type is unknown" : "the key itself is missing");
		goto fail;
	}
	base64 = key->body + type_length + 1;
	key->base64 = strndup(base64, strcspn(base64, " "));
	if (key->base64 == NULL) {
		api_fail_memory(error);
		goto fail;
	}
	if (check_key(type, key->base64, min_rsa_bits, body, error) == 0)
		return 0;
fail:
	record_free_key(key);
	return -1;
}

int
keys_fingerprint(const char *base64, char *fingerprint)
{
	uint8_t blob[KEY_BASE64_MAX / 4 * 3], digest[32];
	char text[4 * ((sizeof(digest) + 2) / 3) + 1];
	size_t length = strlen(base64), padding;
	int decoded;

	fingerprint[0] = '\0';
	padding = length - strcspn(base64, "=");
	if (length == 0 || length > KEY_BASE64_MAX || length % 4 != 0 || padding > 2)
		return -1;
	decoded = EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)length);
	if (decoded < 0 || EVP_Digest(blob, (size_t)decoded - padding, digest, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)text, digest, sizeof(digest));
	/* 32 bytes end in one "=", which ssh-keygen leaves out. */
	snprintf(fingerprint, FINGERPRINT_MAX + 1, "SHA256:%.43s", text);
	return 0;
}
