#include "common/model/keys.h"

#include <libssh/libssh.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/text.h"

#define WHITE_SPACE " \t\n\v\f\r"
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* With a longer exponent, and a modulus above 3072 bits, OpenSSL verifies no signature, and so sshd doesn't. ssh-keygen's
 * has 17 bits; a long one makes verifying as slow as signing. */
#define RSA_EXPONENT_BITS_MAX 64

#define ED25519_LENGTH 32

/* The five types; for a curve the name inside the blob, OpenSSL's number, and the length of an uncompressed point. */
static const struct key_type {
	const char *name;
	const char *curve;
	int curve_id;
	size_t point_length;
} KEY_TYPES[] = {
	{ "ssh-rsa", NULL, NID_undef, 0 },
	{ "ssh-ed25519", NULL, NID_undef, ED25519_LENGTH },
	{ "ecdsa-sha2-nistp256", "nistp256", NID_X9_62_prime256v1, 65 },
	{ "ecdsa-sha2-nistp384", "nistp384", NID_secp384r1, 97 },
	{ "ecdsa-sha2-nistp521", "nistp521", NID_secp521r1, 133 },
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

static int bad_key(struct api_error *error, const char *body, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int
bad_key(struct api_error *error, const char *body, const char *format, ...)
{
	const char *looks_like = keys_looks_like(body);
	char problem[128];
	va_list arguments;

	if (looks_like != NULL)
		return api_fail(error, API_INVALID_REQUEST, "SshPublicKeyBody: this looks like %s", looks_like);
	va_start(arguments, format);
	vsnprintf(problem, sizeof(problem), format, arguments);
	va_end(arguments);
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
is_name(const struct blob *string, const char *name)
{
	return string->left == strlen(name) && memcmp(string->data, name, string->left) == 0;
}

/* An odd integer above 0, in its only form (RFC 4251, 5), and its bits. Returns NULL, or what the number is instead. */
static const char *
take_odd(struct blob *blob, size_t *bits)
{
	struct blob number;
	uint8_t top;

	if (!take_string(blob, &number))
		return "cut short";
	if (number.left == 0)
		return "zero";
	if ((number.data[0] & 0x80) != 0)
		return "negative";
	if (number.data[0] == 0 && (number.left == 1 || (number.data[1] & 0x80) == 0))
		return "written with needless zeros in front";
	if ((number.data[number.left - 1] & 1) == 0)
		return "even";
	*bits = (number.left - 1) * 8;
	for (top = number.data[0]; top != 0; top >>= 1)
		*bits += 1;
	return NULL;
}

static int
check_rsa(struct blob *blob, unsigned min_bits, const char *body, struct api_error *error)
{
	size_t exponent_bits, modulus_bits;
	const char *problem = take_odd(blob, &exponent_bits);

	if (problem != NULL)
		return bad_key(error, body, "the RSA key's exponent is %s", problem);
	if (exponent_bits < 2)
		return bad_key(error, body, "the RSA key's exponent is 1, with which anybody can sign");
	if (exponent_bits > RSA_EXPONENT_BITS_MAX)
		return bad_key(error, body, "the RSA key's exponent has %zu bits, more than the %d that are of use",
		    exponent_bits, RSA_EXPONENT_BITS_MAX);
	problem = take_odd(blob, &modulus_bits);
	if (problem != NULL)
		return bad_key(error, body, "the RSA key's modulus is %s", problem);
	if (modulus_bits < min_bits)
		return api_fail(error, API_INVALID_REQUEST,
		    "SshPublicKeyBody: the RSA key has %zu bits; MinRsaBits asks for at least %u", modulus_bits, min_bits);
	return 0;
}

static bool
on_curve(int curve_id, const struct blob *point)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve_id);
	EC_POINT *decoded = group == NULL ? NULL : EC_POINT_new(group);
	bool good = decoded != NULL && EC_POINT_oct2point(group, decoded, point->data, point->left, NULL) == 1;

	EC_POINT_free(decoded);
	EC_GROUP_free(group);
	return good;
}

static int
check_ecdsa(const struct key_type *type, struct blob *blob, const char *body, struct api_error *error)
{
	struct blob curve, point;

	if (!take_string(blob, &curve) || !take_string(blob, &point))
		return bad_key(error, body, "the key is cut short");
	if (!is_name(&curve, type->curve))
		return bad_key(error, body, "the curve inside the key is not the one of its type");
	if (point.left != type->point_length || point.data[0] != POINT_CONVERSION_UNCOMPRESSED)
		return bad_key(error, body, "the key's point is not an uncompressed one of %zu bytes", type->point_length);
	if (!on_curve(type->curve_id, &point))
		return bad_key(error, body, "the key's point is not on its curve");
	return 0;
}

/* The encodings of the points whose order divides 8, without the sign of x: their signatures need no private key. */
static bool
of_small_order(const struct blob *point)
{
	static const uint8_t POINTS[][ED25519_LENGTH] = {
		{ 0x00 },
		{ 0x01 },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		  0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		  0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
		{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
		{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
		{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	};
	uint8_t unsigned_point[ED25519_LENGTH];
	size_t i;

	memcpy(unsigned_point, point->data, sizeof(unsigned_point));
	unsigned_point[ED25519_LENGTH - 1] &= 0x7f;
	for (i = 0; i < LENGTH(POINTS); i++)
		if (memcmp(POINTS[i], unsigned_point, sizeof(unsigned_point)) == 0)
			return true;
	return false;
}

static int
check_ed25519(struct blob *blob, const char *body, struct api_error *error)
{
	struct blob point;

	if (!take_string(blob, &point))
		return bad_key(error, body, "the key is cut short");
	if (point.left != ED25519_LENGTH)
		return bad_key(error, body, "the key has %zu bytes instead of %d", point.left, ED25519_LENGTH);
	if (of_small_order(&point))
		return bad_key(error, body, "the key is a point of small order, for which anybody can sign");
	return 0;
}

/* The blob's fields are those of its type, and it ends with the last of them. */
static int
check_blob(const struct key_type *type, struct blob blob, unsigned min_rsa_bits, const char *body, struct api_error *error)
{
	struct blob inner;
	int result;

	if (!take_string(&blob, &inner))
		return bad_key(error, body, "the key is cut short");
	if (!is_name(&inner, type->name))
		return bad_key(error, body, "the type inside the key is not the one in front of it");
	if (type->curve != NULL)
		result = check_ecdsa(type, &blob, body, error);
	else if (type->point_length != 0)
		result = check_ed25519(&blob, body, error);
	else
		result = check_rsa(&blob, min_rsa_bits, body, error);
	if (result == 0 && blob.left != 0)
		return bad_key(error, body, "bytes trail the key");
	return result;
}

/* On top of check_blob, which alone decides what must hold whatever libssh's version takes: a program that uses the key
 * reads it, and writes it out again as the same base64. */
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
	if (keys_several_lines(body))
		return bad_key(error, body, "it has several lines");
	key->body = normalise(body);
	if (key->body != NULL && text_has_control(key->body)) {
		bad_key(error, body, "it holds a control character, or something that is not UTF-8");
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

size_t
keys_rsa_bits(const char *base64)
{
	uint8_t decoded[KEY_BASE64_MAX / 4 * 3 + 3];
	struct blob blob = { .data = decoded }, name;
	size_t length = strlen(base64), bits;
	int count;

	if (length == 0 || length > KEY_BASE64_MAX || length % 4 != 0)
		return 0;
	count = EVP_DecodeBlock(decoded, (const unsigned char *)base64, (int)length);
	blob.left = count > 0 ? (size_t)count : 0;
	if (!take_string(&blob, &name) || !is_name(&name, "ssh-rsa") || take_odd(&blob, &bits) != NULL ||
	    take_odd(&blob, &bits) != NULL)
		return 0;
	return bits;
}
