/* Public keys: what ssh-keygen makes is taken, and what only looks like it is refused with words that say what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"

#define MIN_BITS 2048

static char folder[] = "/tmp/berth-keys.XXXXXX";

static int
make_keys(void **state)
{
	static const char SCRIPT[] =
	    "cd %s && exec >/dev/null 2>&1 && "
	    "ssh-keygen -q -N '' -t rsa -b 1024 -f rsa1024; ssh-keygen -q -N '' -t rsa -b 2048 -f rsa2048 && "
	    "ssh-keygen -q -N '' -t rsa -b 4096 -f rsa4096 && "
	    "ssh-keygen -q -N '' -t ed25519 -C 'alice@host  laptop' -f ed25519 && "
	    "ssh-keygen -q -N '' -t ecdsa -b 256 -f ecdsa256 && ssh-keygen -q -N '' -t ecdsa -b 384 -f ecdsa384 && "
	    "ssh-keygen -q -N '' -t ecdsa -b 521 -f ecdsa521 && ssh-keygen -q -s ecdsa256 -I id -n alice ed25519.pub && "
	    "ssh-keygen -e -f rsa2048.pub >ssh2 && ssh-keygen -e -m PEM -f rsa2048.pub >pem && "
	    "ssh-keygen -e -m PKCS8 -f rsa2048.pub >pkcs8; ssh-keygen -q -N '' -t dsa -f dsa";
	char command[2048];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(command, sizeof(command), SCRIPT, folder);
	(void)!system(command);
	return 0;
}

static int
remove_keys(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static const char *
read_file(const char *name)
{
	static char text[16384];
	char path[128];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	if (file == NULL)
		return NULL;
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static void
assert_taken(const char *body, const char *type)
{
	struct api_error error = { 0 };
	struct ssh_key key;

	assert_non_null(body);
	assert_true(pattern_ssh_key_body(body));
	if (keys_parse(body, MIN_BITS, &key, &error) == -1)
		fail_msg("%s: %s", type, error.message);
	assert_string_equal(key.type, type);
	assert_true(keys_is_base64(key.base64));
	assert_non_null(strstr(body, key.base64));
	record_free_key(&key);
}

static void
assert_refused(const char *body, const char *says)
{
	struct api_error error = { 0 };
	struct ssh_key key;

	assert_non_null(body);
	if (keys_parse(body, MIN_BITS, &key, &error) == 0)
		fail_msg("taken: %s", body);
	assert_int_equal(error.code, API_INVALID_REQUEST);
	if (strstr(error.message, says) == NULL || strncmp(error.message, "SshPublicKeyBody: ", 18) != 0)
		fail_msg("\"%s\" doesn't say \"%s\"", error.message, says);
	assert_null(key.body);
	assert_null(key.base64);
}

static void
test_five_types(void **state)
{
	(void)state;
	assert_taken(read_file("rsa2048.pub"), "ssh-rsa");
	assert_taken(read_file("rsa4096.pub"), "ssh-rsa");
	assert_taken(read_file("ed25519.pub"), "ssh-ed25519");
	assert_taken(read_file("ecdsa256.pub"), "ecdsa-sha2-nistp256");
	assert_taken(read_file("ecdsa384.pub"), "ecdsa-sha2-nistp384");
	assert_taken(read_file("ecdsa521.pub"), "ecdsa-sha2-nistp521");
}

static void
test_other_things(void **state)
{
	(void)state;
	if (read_file("rsa1024.pub") != NULL)
		assert_refused(read_file("rsa1024.pub"), "1024 bits; MinRsaBits asks for at least 2048");
	if (read_file("dsa.pub") != NULL)
		assert_refused(read_file("dsa.pub"), "a DSA key");
	assert_refused("ssh-dss AAAAB3NzaC1kc3MAAACBAP", "a DSA key");
	assert_refused(read_file("ed25519-cert.pub"), "a certificate");
	assert_refused(read_file("ed25519"), "a private key");
	assert_refused(read_file("rsa2048"), "a private key");
	assert_refused(read_file("ssh2"), "SSH2");
	assert_refused(read_file("pem"), "PEM");
	assert_refused(read_file("pkcs8"), "PEM");
	assert_refused("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENB", "PGP");
	assert_refused("PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none", "a private key");
	assert_refused("sk-ssh-ed25519@openssh.com AAAAGnNrLXNza", "security token");
	assert_refused("restrict,command=\"ls\" ssh-ed25519 AAAAC3Nz", "options in front");
	assert_refused("1024 35 1234567890123", "protocol 1");
	assert_refused("AAAAC3NzaC1lZDI1NTE5AAAAI", "without its type");
	assert_refused("# my key", "a comment");
	assert_refused("", "nothing at all");
	assert_refused(" \n", "nothing at all");
	assert_refused("\"restrict\" ssh-ed25519 AAAAC3Nz", "quotation marks");
	assert_refused("localhost ssh-ed25519 AAAAC3Nz", "options in front");
	assert_refused("sftp.example.com ssh-ed25519 AAAAC3Nz", "known_hosts");
	assert_refused("|1|aaaa=|bbbb= ssh-ed25519 AAAAC3Nz", "known_hosts");
	assert_refused("256 SHA256:AAAA alice (ED25519)", "fingerprint");
	assert_refused("MD5:00:11", "fingerprint");
	assert_refused("http://example.com/key", "an address");
	assert_refused("file:///tmp/key.pub", "a file's name");
	assert_refused("/home/alice/.ssh/id_rsa.pub", "a file's name");
	assert_refused("\xef\xbb\xbfssh-ed25519 AAAAC3Nz", "byte order mark");
	assert_refused("ssh-ed25519 AAAAC3Nz\nZC1", "broken into several lines");
	assert_refused("hello\nworld", "several lines");
	assert_refused("12345", "unknown");
	assert_refused("hello", "unknown");
	assert_refused("ssh-ed25519", "missing");
	assert_refused("ssh-ed448 AAAA", "unknown");
}

/* The comment of a key that is merely broken isn't what the key looks like. */
static void
test_comment_misleads_nobody(void **state)
{
	(void)state;
	assert_refused("ssh-ed25519 AAAA PRIVATE KEY", "cut short");
	assert_refused("ssh-rsa AAAA -----BEGIN PGP", "cut short");
	assert_refused("ssh-rsa AAAA ssh-dss", "cut short");
	assert_refused("ssh-rsa AAAA\nPRIVATE KEY", "a private key");
}

static void
test_several_lines(void **state)
{
	char body[4096];

	(void)state;
	snprintf(body, sizeof(body), "%s", read_file("ed25519.pub"));
	snprintf(body + strlen(body), sizeof(body) - strlen(body), "%s", read_file("ecdsa256.pub"));
	assert_refused(body, "several lines");
	assert_false(pattern_ssh_key_body(body));
}

static void
test_normal_form(void **state)
{
	char body[1024], base64[256];
	struct api_error error;
	struct ssh_key key;

	(void)state;
	assert_int_equal(sscanf(read_file("ed25519.pub"), "%*s %255s", base64), 1);
	snprintf(body, sizeof(body), "\n ssh-ed25519 \t %s   a \t b  \r\n", base64);
	assert_int_equal(keys_parse(body, MIN_BITS, &key, &error), 0);
	snprintf(body, sizeof(body), "ssh-ed25519 %s a b", base64);
	assert_string_equal(key.body, body);
	assert_string_equal(key.base64, base64);
	record_free_key(&key);
	snprintf(body, sizeof(body), "ssh-ed25519 %s", base64);
	assert_taken(body, "ssh-ed25519");
	snprintf(body, sizeof(body), "ssh-ed25519 %s a\033b", base64);
	assert_refused(body, "control character");
	snprintf(body, sizeof(body), "ssh-ed25519 %s a\xffz", base64);
	assert_refused(body, "UTF-8");
	snprintf(body, sizeof(body), "ssh-rsa %s", base64);
	assert_refused(body, "type inside");
	snprintf(body, sizeof(body), "ssh-ed25519 %.40s", base64);
	assert_refused(body, "cut short");
	snprintf(body, sizeof(body), "ssh-ed25519 %.41s", base64);
	assert_refused(body, "cut short");
	snprintf(body, sizeof(body), "ssh-ed25519 %s====", base64);
	assert_refused(body, "malformed");
}

/* A line of type and a blob of our own making. */
static const char *
line(const char *type, const void *blob, size_t length)
{
	static char text[8192];
	int at = snprintf(text, sizeof(text), "%s ", type);

	EVP_EncodeBlock((unsigned char *)text + at, blob, (int)length);
	return text;
}

static size_t
decode(const char *body, unsigned char *blob)
{
	char base64[4096];
	int length;

	assert_int_equal(sscanf(body, "%*s %4095s", base64), 1);
	length = EVP_DecodeBlock(blob, (unsigned char *)base64, (int)strlen(base64));
	assert_true(length > 0);
	return (size_t)length - (strlen(base64) - strcspn(base64, "="));
}

static void
test_hostile_blobs(void **state)
{
	unsigned char blob[4096], changed[4096];
	size_t length, i;
	struct api_error error;
	struct ssh_key key;

	(void)state;
	length = decode(read_file("ed25519.pub"), blob);
	assert_int_equal(length, 51);
	memcpy(changed, blob, length);
	changed[length] = 0;
	assert_refused(line("ssh-ed25519", changed, length + 1), "trail");
	/* Cut anywhere. */
	for (i = 0; i < length; i++)
		assert_int_equal(keys_parse(line("ssh-ed25519", blob, i), MIN_BITS, &key, &error), -1);
	/* A length of nearly 4 GiB. */
	memcpy(changed, blob, length);
	memset(changed + 15, 0xff, 4);
	assert_refused(line("ssh-ed25519", changed, length), "cut short");

	/* The neutral point, with either sign. */
	memcpy(changed, blob, length);
	memset(changed + 19, 0, 32);
	changed[19] = 1;
	assert_refused(line("ssh-ed25519", changed, length), "small order");
	changed[19 + 31] = 0x80;
	assert_refused(line("ssh-ed25519", changed, length), "small order");
	changed[19 + 15] = 1;
	assert_taken(line("ssh-ed25519", changed, length), "ssh-ed25519");

	length = decode(read_file("ecdsa256.pub"), blob);
	assert_refused(line("ecdsa-sha2-nistp384", blob, length), "type inside");
	memcpy(changed, blob, length);
	changed[length - 1] ^= 1;
	assert_refused(line("ecdsa-sha2-nistp256", changed, length), "not on its curve");
	memcpy(changed, blob, length);
	memcpy(changed + 4 + 19 + 4, "nistp384", 8);
	assert_refused(line("ecdsa-sha2-nistp256", changed, length), "curve");
	for (i = 0; i < length; i++)
		assert_int_equal(keys_parse(line("ecdsa-sha2-nistp256", blob, i), MIN_BITS, &key, &error), -1);

	length = decode(read_file("rsa2048.pub"), blob);
	memcpy(changed, blob, length);
	changed[length - 1] &= 0xfe;
	assert_refused(line("ssh-rsa", changed, length), "modulus is even");
	assert_refused(line("ssh-rsa", blob, length - 8), "modulus is cut short");
	memcpy(changed, blob, length);
	changed[4 + 7 + 4 + 2] = 0;
	assert_refused(line("ssh-rsa", changed, length), "exponent is even");
	for (i = 0; i < length; i++)
		assert_int_equal(keys_parse(line("ssh-rsa", blob, i), MIN_BITS, &key, &error), -1);
	/* Every byte of the frame changed: an answer, whatever it is. */
	for (i = 0; i < length; i++) {
		memcpy(changed, blob, length);
		changed[i] ^= 0x80;
		if (keys_parse(line("ssh-rsa", changed, length), MIN_BITS, &key, &error) == 0)
			record_free_key(&key);
	}
}

static void
test_base64_form(void **state)
{
	char body[1024], *last;

	(void)state;
	/* 104 bytes: one '=' at the end, so the last character has bits to spare. */
	snprintf(body, sizeof(body), "%s", read_file("ecdsa256.pub"));
	last = strchr(body, '=');
	assert_non_null(last);
	last[-1]++;
	last[1] = '\0';
	assert_refused(body, "canonical");
	*last = '\0';
	assert_refused(body, "base64");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_five_types),
		cmocka_unit_test(test_other_things),
		cmocka_unit_test(test_comment_misleads_nobody),
		cmocka_unit_test(test_several_lines),
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_hostile_blobs),
		cmocka_unit_test(test_base64_form),
	};

	return cmocka_run_group_tests_name("keys", tests, make_keys, remove_keys);
}
