/* What a body is that is no public key line: for the words of a refusal. */
#include <stdio.h>
#include <string.h>

#include "common/model/keys.h"

#define WHITE_SPACE " \t\n\v\f\r"
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define PRIVATE_KEY "a private key; keep it secret and give the line in the .pub file"
#define FINGERPRINT "a key's fingerprint; give the key itself"
#define ADDRESS     "an address; give the key itself"
#define FILE_NAME   "a file's name; give what the file holds"

bool
keys_several_lines(const char *body)
{
	const char *line_end = strpbrk(body + strspn(body, WHITE_SPACE), "\r\n");

	return line_end != NULL && line_end[strspn(line_end, WHITE_SPACE)] != '\0';
}

/* What a body is by something that stands anywhere in it (any case), or by what it begins with. The first that fits. */
static const struct hint {
	const char *text;
	const char *looks_like;
} MARKS[] = {
	{ "PRIVATE KEY", PRIVATE_KEY },
	{ "PuTTY-User-Key-File", PRIVATE_KEY },
	{ "BEGIN SSH2", "a public key in SSH2 (RFC 4716) format; convert it with ssh-keygen -i" },
	{ "BEGIN PGP", "a PGP key, which SSH can't use" },
	{ "BEGIN CERTIFICATE", "an X.509 certificate, which SSH can't use" },
	{ "BEGIN RSA PUBLIC KEY", "a public key in PEM format; convert it with ssh-keygen -i -m PEM" },
	{ "-----BEGIN", "a public key in PEM format; convert it with ssh-keygen -i -m PKCS8" },
}, BEGINNINGS[] = {
	{ "b3BlbnNzaC1rZXktdj", PRIVATE_KEY }, /* "openssh-key-v", as the lines in the middle of the file begin */
	{ "sk-", "a key of a security token (sk-), which isn't supported" },
	{ "ssh-dss", "a DSA key, which OpenSSH no longer takes" },
	{ "AAAA", "a key without its type in front" },
	{ "SHA256:", FINGERPRINT },
	{ "MD5:", FINGERPRINT },
	{ "{", "JSON; give the key alone" },
	{ "\"", "a text in quotation marks; give the key without them" },
	{ "http://", ADDRESS },
	{ "https://", ADDRESS },
	{ "file://", FILE_NAME },
	{ "/", FILE_NAME },
	{ "~", FILE_NAME },
	{ "\xef\xbb\xbf", "a text that begins with a byte order mark; save it without one" },
};

static const char *
looks_like_numbers(const char *body)
{
	size_t length = strspn(body, "0123456789"), blanks = strspn(body + length, " \t");
	const char *second = body + length + blanks;

	if (length == 0 || blanks == 0)
		return NULL;
	return memchr(second, ':', strcspn(second, WHITE_SPACE)) != NULL ? FINGERPRINT : "a key of SSH protocol 1";
}

/* Whether a word begins like a type of key. */
static bool
begins_key(const char *word)
{
	return strncmp(word, "ssh-", 4) == 0 || strncmp(word, "ecdsa-", 6) == 0 || strncmp(word, "sk-", 3) == 0;
}

/* Whether a word after the first does. */
static bool
key_follows(const char *body)
{
	while (*(body += strcspn(body, WHITE_SPACE)) != '\0') {
		body += strspn(body, WHITE_SPACE);
		if (begins_key(body))
			return true;
	}
	return false;
}

/* What a body is by where its words and lines stand. */
static const char *
looks_like_layout(const char *body)
{
	char mark = body[strcspn(body, "=\".:|[@" WHITE_SPACE)];

	if (keys_several_lines(body)) {
		if (begins_key(body) && !key_follows(body))
			return "a key broken into several lines; join them";
		return "several lines, as in an authorized_keys file; import each key by itself";
	}
	if (body[0] == '#')
		return "a comment";
	if (begins_key(body) || !key_follows(body))
		return NULL;
	if (mark != '\0' && strchr(".:|[@", mark) != NULL)
		return "a line of a known_hosts file; give the key alone, without the host in front";
	return "a key with options in front, as in an authorized_keys file; give the key alone";
}

const char *
keys_looks_like(const char *body)
{
	const char *found;
	char first[64];
	size_t i, length;

	body += strspn(body, WHITE_SPACE);
	if (body[0] == '\0')
		return "nothing at all";
	length = strcspn(body, WHITE_SPACE);
	snprintf(first, sizeof(first), "%.*s", (int)(length < sizeof(first) ? length : sizeof(first) - 1), body);
	/* What is wrong with such a line is in its base64; its comment may say anything. */
	if (keys_type_known(first) && !keys_several_lines(body))
		return NULL;
	for (i = 0; i < LENGTH(MARKS); i++)
		if (strcasestr(body, MARKS[i].text) != NULL)
			return MARKS[i].looks_like;
	if (strstr(first, "-cert-v0") != NULL)
		return "a certificate; give the plain public key";
	for (i = 0; i < LENGTH(BEGINNINGS); i++)
		if (strncmp(body, BEGINNINGS[i].text, strlen(BEGINNINGS[i].text)) == 0)
			return BEGINNINGS[i].looks_like;
	found = looks_like_numbers(body);
	return found != NULL ? found : looks_like_layout(body);
}
