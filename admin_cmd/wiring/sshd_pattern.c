#include "admin_cmd/wiring/sshd_pattern.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 1024

bool
sshd_pattern_matches(const char *text, const char *pattern)
{
	const char *star = NULL, *from = NULL;

	/* A `*` first stands for nothing, and takes a character more whenever what follows doesn't fit. */
	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* The address's bytes: their number, or 0 when it is none. */
static size_t
read_address(const char *text, uint8_t bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

/* in_network: ADDRESS/BITS; false when the pattern is none. */
static bool
in_network(const char *client, const char *pattern)
{
	char address[INET6_ADDRSTRLEN], *end;
	uint8_t network[16], bytes[16];
	const char *slash = strchr(pattern, '/');
	size_t length, bits;

	if (slash == NULL || (size_t)(slash - pattern) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - pattern), pattern);
	length = read_address(address, network);
	bits = strtoul(slash + 1, &end, 10);
	if (length == 0 || end == slash + 1 || *end != '\0' || bits > 8 * length || read_address(client, bytes) != length)
		return false;
	if (memcmp(network, bytes, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((network[bits / 8] ^ bytes[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* host_matches: a list of patterns and networks with commas between; one with "!" before it that fits decides. */
static bool
host_matches(const char *client, const char *list)
{
	char pattern[WORD_MAX];
	bool found = false;

	for (size_t length; *list != '\0'; list += length + (list[length] == ',')) {
		bool negated = *list == '!';

		length = strcspn(list, ",");
		if (length >= sizeof(pattern))
			return false;
		snprintf(pattern, sizeof(pattern), "%.*s", (int)length - negated, list + negated);
		if (!sshd_pattern_matches(client, pattern) && !in_network(client, pattern))
			continue;
		if (negated)
			return false;
		found = true;
	}
	return found;
}

enum sshd_match
sshd_user_matches(const char *user, const char *client, const char *pattern)
{
	const char *at = strrchr(pattern, '@');
	char name[WORD_MAX];

	if (at == NULL)
		return sshd_pattern_matches(user, pattern) ? SSHD_YES : SSHD_NO;
	if ((size_t)(at - pattern) >= sizeof(name))
		return SSHD_NO;
	snprintf(name, sizeof(name), "%.*s", (int)(at - pattern), pattern);
	if (!sshd_pattern_matches(user, name))
		return SSHD_NO;
	if (client == NULL)
		return SSHD_DEPENDS;
	return host_matches(client, at + 1) ? SSHD_YES : SSHD_NO;
}

/* A setting's words against something: the best match of them, and which word. */
static enum sshd_match
any_user(const struct sshd_settings *settings, const char *keyword, const char *user, const char *client, char *word)
{
	char value[WORD_MAX];
	enum sshd_match found = SSHD_NO;

	for (size_t i = 0; found != SSHD_YES && sshd_settings_value(settings, keyword, i, value, sizeof(value)) >= 0; i++) {
		enum sshd_match match = sshd_user_matches(user, client, value);

		if (match == SSHD_NO)
			continue;
		found = match;
		snprintf(word, WORD_MAX, "%s", value);
	}
	return found;
}

static bool
any_group(const struct sshd_settings *settings, const char *keyword, const char *groups, char *word)
{
	char group[256];

	for (size_t length; *(groups += strspn(groups, " \n")) != '\0'; groups += length) {
		length = strcspn(groups, " \n");
		snprintf(group, sizeof(group), "%.*s", (int)length, groups);
		for (size_t i = 0; sshd_settings_value(settings, keyword, i, word, WORD_MAX) >= 0; i++)
			if (sshd_pattern_matches(group, word))
				return true;
	}
	return false;
}

static bool
is_set(const struct sshd_settings *settings, const char *keyword)
{
	char value[8];

	return sshd_settings_value(settings, keyword, 0, value, sizeof(value)) >= 0;
}

enum sshd_match
sshd_admits(const struct sshd_settings *settings, const char *user, const char *client, const char *groups, char *why)
{
	enum sshd_match denied, allowed = SSHD_YES;
	char word[WORD_MAX] = "";

	denied = any_user(settings, "denyusers", user, client, word);
	if (denied != SSHD_NO) {
		snprintf(why, SSHD_WHY_MAX, "listed in DenyUsers: %.400s", word);
		return denied == SSHD_YES ? SSHD_NO : SSHD_DEPENDS;
	}
	if (is_set(settings, "allowusers"))
		allowed = any_user(settings, "allowusers", user, client, word);
	if (allowed == SSHD_NO) {
		snprintf(why, SSHD_WHY_MAX, "not listed in AllowUsers");
		return SSHD_NO;
	}
	if (allowed == SSHD_DEPENDS)
		snprintf(why, SSHD_WHY_MAX, "listed in AllowUsers for some addresses alone: %.400s", word);
	if (any_group(settings, "denygroups", groups, word)) {
		snprintf(why, SSHD_WHY_MAX, "a group is listed in DenyGroups: %.400s", word);
		return SSHD_NO;
	}
	if (is_set(settings, "allowgroups") && !any_group(settings, "allowgroups", groups, word)) {
		snprintf(why, SSHD_WHY_MAX, "none of the user's groups are listed in AllowGroups");
		return SSHD_NO;
	}
	return allowed;
}

bool
sshd_list_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (;; list++) {
		if (strncmp(list, word, length) == 0 && (list[length] == ',' || list[length] == '\0' || list[length] == ' '))
			return true;
		list += strcspn(list, ", ");
		if (*list == '\0')
			return false;
	}
}
