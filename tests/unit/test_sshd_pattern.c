/*
 * sshd's rules for who may log in at all, as OpenSSH's match.c and auth.c have them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin_cmd/wiring/sshd_pattern.h"

static void
patterns(void **state)
{
	static const struct {
		const char *text, *pattern;
		bool matches;
	} CASES[] = {
		{ "alice", "alice", true }, { "alice", "alic", false }, { "alic", "alice", false }, { "alice", "*", true },
		{ "", "*", true }, { "", "", true }, { "", "?", false }, { "alice", "a*e", true }, { "alice", "a*f", false },
		{ "alice", "?????", true }, { "alice", "????", false }, { "alice", "**c**", true }, { "alice", "Alice", false },
		{ "abab", "*ab", true }, { "abac", "*ab", false }, { "a.b", "a[.]b", false }, { "alice", "!alice", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		if (sshd_pattern_matches(CASES[i].text, CASES[i].pattern) != CASES[i].matches)
			fail_msg("%s against %s", CASES[i].text, CASES[i].pattern);
}

static void
users(void **state)
{
	static const struct {
		const char *client, *pattern;
		enum sshd_match match;
	} CASES[] = {
		{ NULL, "alice", SSHD_YES }, { NULL, "bob", SSHD_NO }, { NULL, "al*", SSHD_YES },
		{ NULL, "alice@192.0.2.7", SSHD_DEPENDS }, { NULL, "bob@192.0.2.7", SSHD_NO },
		{ "192.0.2.7", "alice@192.0.2.7", SSHD_YES }, { "192.0.2.8", "alice@192.0.2.7", SSHD_NO },
		{ "192.0.2.7", "alice@192.0.2.*", SSHD_YES }, { "192.0.2.7", "*@192.0.2.0/24", SSHD_YES },
		{ "192.0.3.7", "*@192.0.2.0/23", SSHD_YES }, { "192.0.4.7", "*@192.0.2.0/23", SSHD_NO },
		{ "192.0.2.7", "alice@0.0.0.0/0", SSHD_YES }, { "192.0.2.7", "alice@192.0.2.7/32", SSHD_YES },
		{ "192.0.2.6", "alice@192.0.2.7/32", SSHD_NO }, { "192.0.2.7", "alice@192.0.2.0/33", SSHD_NO },
		{ "192.0.2.7", "alice@!192.0.2.7,192.0.2.*", SSHD_NO }, { "192.0.2.8", "alice@!192.0.2.7,192.0.2.*", SSHD_YES },
		{ "192.0.2.7", "alice@192.0.2.*,!192.0.2.7", SSHD_NO }, { "192.0.2.7", "alice@!192.0.2.8", SSHD_NO },
		{ "2001:db8::7", "alice@2001:db8::/32", SSHD_YES }, { "2001:db9::7", "alice@2001:db8::/32", SSHD_NO },
		{ "192.0.2.7", "alice@2001:db8::/32", SSHD_NO }, { "192.0.2.7", "alice@example.net@192.0.2.7", SSHD_NO },
		{ "192.0.2.7", "alice@", SSHD_NO }, { "192.0.2.7", "@192.0.2.7", SSHD_NO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		if (sshd_user_matches("alice", CASES[i].client, CASES[i].pattern) != CASES[i].match)
			fail_msg("%s from %s", CASES[i].pattern, CASES[i].client);
}

static void
admitted(void **state)
{
	static const struct {
		const char *text, *client;
		enum sshd_match match;
		const char *why;
	} CASES[] = {
		{ "usepam yes\n", NULL, SSHD_YES, "" },
		{ "allowusers bob\nallowusers alice\n", NULL, SSHD_YES, "" },
		{ "allowusers bob\n", NULL, SSHD_NO, "not listed in AllowUsers" },
		{ "denyusers bob\ndenyusers al*\nallowusers alice\n", NULL, SSHD_NO, "listed in DenyUsers: al*" },
		{ "denyusers alice@10.0.0.0/8\n", "10.1.2.3", SSHD_NO, "listed in DenyUsers" },
		{ "denyusers alice@10.0.0.0/8\n", "192.0.2.7", SSHD_YES, "" },
		{ "denyusers alice@10.0.0.0/8\n", NULL, SSHD_DEPENDS, "10.0.0.0/8" },
		{ "allowusers alice@10.0.0.0/8\n", NULL, SSHD_DEPENDS, "10.0.0.0/8" },
		{ "allowusers alice@10.0.0.0/8\nallowusers alice\n", NULL, SSHD_YES, NULL },
		{ "allowgroups staff\n", NULL, SSHD_NO, "AllowGroups" },
		{ "allowgroups staff\nallowgroups berth-users\n", NULL, SSHD_YES, "" },
		{ "allowgroups berth-*\ndenygroups berth-g5001\n", NULL, SSHD_NO, "DenyGroups" },
		{ "denygroups staff\n", NULL, SSHD_YES, "" },
		{ "allowusers alice@10.0.0.0/8\nallowgroups staff\n", NULL, SSHD_NO, "AllowGroups" },
	};
	char why[SSHD_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct sshd_settings settings = { .text = (char *)CASES[i].text };

		why[0] = '\0';
		if (sshd_admits(&settings, "alice", CASES[i].client, "berth-g5001 berth-users", why) != CASES[i].match)
			fail_msg("%s", CASES[i].text);
		if (CASES[i].why != NULL && strstr(why, CASES[i].why) == NULL)
			fail_msg("%s: %s", CASES[i].text, why);
	}
}

static void
lists(void **state)
{
	(void)state;
	assert_true(sshd_list_has("ssh-ed25519,rsa-sha2-256", "ssh-ed25519"));
	assert_true(sshd_list_has("ssh-ed25519,rsa-sha2-256", "rsa-sha2-256"));
	assert_false(sshd_list_has("ssh-ed25519-cert-v01@openssh.com,rsa-sha2-256", "ssh-ed25519"));
	assert_false(sshd_list_has("", "ssh-ed25519"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(users),
		cmocka_unit_test(admitted),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
