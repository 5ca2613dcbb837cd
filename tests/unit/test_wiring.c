/* Berth's places in /etc/nsswitch.conf and /etc/pam.d/sshd: put in, taken out again, judged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/wiring/nsswitch.h"
#include "admin_cmd/wiring/pam_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define AUTH    "auth     [success=done ignore=ignore default=die]  pam_berth.so\n"
#define ACCOUNT "account  [success=done ignore=ignore default=die]  pam_berth.so\n"
#define SESSION "session  [success=done ignore=ignore default=die]  pam_berth.so\n"

typedef char *add_function(const char *text, char *why);
typedef char *remove_function(const char *text);
typedef int judge_function(const char *text, char *why);

struct wiring {
	add_function *add;
	remove_function *remove;
	judge_function *judge;
};

static const struct wiring nsswitch = { nsswitch_add, nsswitch_remove, nsswitch_judge };
static const struct wiring pam_file = { pam_file_add, pam_file_remove, pam_file_judge };

/* becomes: add gives `after`, which add leaves alone, judge finds right, and remove makes `bare` of. */
static void
becomes(const struct wiring *wiring, const char *before, const char *after, const char *bare)
{
	char why[WIRING_WHY_MAX] = "", *added = wiring->add(before, why), *again, *removed;

	if (added == NULL)
		fail_msg("%s\nis refused: %s", before, why);
	assert_string_equal(added, after);
	if (wiring->judge(added, why) != 0)
		fail_msg("%s\nis not what judge wants: %s", added, why);
	again = wiring->add(added, why);
	assert_string_equal(again, added);
	removed = wiring->remove(added);
	assert_string_equal(removed, bare);
	if (strcmp(before, after) != 0)
		assert_int_equal(wiring->judge(before, why), -1);
	free(added);
	free(again);
	free(removed);
}

static void
refused(const struct wiring *wiring, const char *text, const char *reason)
{
	char why[WIRING_WHY_MAX] = "", judged[WIRING_WHY_MAX] = "", *added = wiring->add(text, why);

	if (added != NULL)
		fail_msg("%s\nbecame\n%s", text, added);
	if (strstr(why, reason) == NULL)
		fail_msg("%s\nis refused for: %s", text, why);
	assert_int_equal(wiring->judge(text, judged), -1);
	assert_true(judged[0] != '\0');
}

/* judged: what judge says of a text. */
static void
judged(const struct wiring *wiring, const char *text, const char *reason)
{
	char why[WIRING_WHY_MAX] = "";

	assert_int_equal(wiring->judge(text, why), -1);
	if (strstr(why, reason) == NULL)
		fail_msg("%s\nis wrong for: %s", text, why);
}

/*
 * /etc/nsswitch.conf
 */

#define DEBIAN_NSS_BEFORE "# /etc/nsswitch.conf\n#\n# Example configuration of GNU Name Service Switch functionality.\n\n"
#define DEBIAN_NSS_AFTER  "shadow:         files systemd\ngshadow:        files systemd\n\nhosts:          files dns\n"

/* What is there, and what it becomes. */
static const struct pair {
	const char *before, *after;
} nss_pairs[] = {
	{ DEBIAN_NSS_BEFORE "passwd:         files systemd\ngroup:          files systemd\n" DEBIAN_NSS_AFTER,
	    DEBIAN_NSS_BEFORE "passwd:         files systemd berth\n"
	    "group:          files systemd berth\n" DEBIAN_NSS_AFTER },
	/* Debian 13 */
	{ "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\n",
	    "passwd: files systemd berth\ngroup: files [SUCCESS=merge] systemd berth\n" },
	/* a minimal image */
	{ "passwd: files\ngroup: files\n", "passwd: files berth\ngroup: files berth\n" },
	/* no newline at the end */
	{ "passwd: files\ngroup: files", "passwd: files berth\ngroup: files berth" },
	{ "group: files\npasswd: files \t", "group: files berth\npasswd: files berth \t" },
	/* CRLF, white space is white space */
	{ "passwd: files\r\ngroup: files\r\n", "passwd: files berth\r\ngroup: files berth\r\n" },
	{ "\tpasswd:\tfiles\t\n  group : files", "\tpasswd:\tfiles berth\t\n  group : files berth" },
	/* comments */
	{ "passwd: files # sss\ngroup: files# sss\n#passwd: berth\n",
	    "passwd: files berth # sss\ngroup: files berth# sss\n#passwd: berth\n" },
	/* compat, and its own lines, which aren't ours */
	{ "passwd: compat\npasswd_compat: nis\ngroup: compat\n",
	    "passwd: compat berth\npasswd_compat: nis\ngroup: compat berth\n" },
	/* Red Hat's, and authselect's comments */
	{ "passwd:     sss files systemd\ngroup:      sss files systemd\ninitgroups: sss [SUCCESS=continue] files\n",
	    "passwd:     sss files systemd berth\ngroup:      sss files systemd berth\n"
	    "initgroups: sss [SUCCESS=continue] files berth\n" },
	/* conditions that don't end the search of who isn't found */
	{ "passwd: files [NOTFOUND=continue] ldap [ UNAVAIL=return TRYAGAIN=continue ]\ngroup: files[success=return]\n",
	    "passwd: files [NOTFOUND=continue] ldap [ UNAVAIL=return TRYAGAIN=continue ] berth\n"
	    "group: files[success=return] berth\n" },
	{ "passwd: files [!NOTFOUND=return] ldap\ngroup: files [ NotFound = Return notfound = continue ]\n",
	    "passwd: files [!NOTFOUND=return] ldap berth\n"
	    "group: files [ NotFound = Return notfound = continue ] berth\n" },
	/* a line twice: one glibc takes the first, another one the last */
	{ "passwd: files\ngroup: files\npasswd: files ldap\n",
	    "passwd: files berth\ngroup: files berth\npasswd: files ldap berth\n" },
	/* a name that only begins or ends like ours */
	{ "passwd: files berthold [NOTFOUND=continue]\ngroup: files huberth\n",
	    "passwd: files berthold [NOTFOUND=continue] berth\ngroup: files huberth berth\n" },
	/* glibc knows no lines that go on: the backslash is a service that isn't there */
	{ "passwd: files \\\n  ldap\ngroup: files\n", "passwd: files \\ berth\n  ldap\ngroup: files berth\n" },
};

/* There already, but not as it must be: { before, after, without it }. */
static const char *const nss_mended[][3] = {
	{ "passwd: berth files\ngroup: files\n", "passwd: files berth\ngroup: files berth\n",
	    "passwd: files\ngroup: files\n" },
	{ "passwd:berth files\ngroup: files\n", "passwd: files berth\ngroup: files berth\n",
	    "passwd: files\ngroup: files\n" },
	{ "passwd: files berth berth\ngroup: files berth ldap berth\n", "passwd: files berth\ngroup: files ldap berth\n",
	    "passwd: files\ngroup: files ldap\n" },
	{ "passwd: berth [NOTFOUND=return] files ldap # x\ngroup: files berth\n",
	    "passwd: files ldap berth # x\ngroup: files berth\n", "passwd: files ldap # x\ngroup: files\n" },
	/* right as it is */
	{ "passwd: files berth\ngroup: files\tberth sss\n", "passwd: files berth\ngroup: files\tberth sss\n",
	    "passwd: files\ngroup: files sss\n" },
	{ "passwd: files berth[NOTFOUND=return] sss\ngroup: files berth [NOTFOUND=return]\n",
	    "passwd: files berth[NOTFOUND=return] sss\ngroup: files berth [NOTFOUND=return]\n",
	    "passwd: files sss\ngroup: files\n" },
};

static const char *const nss_refused[][2] = {
	{ "", "no line passwd" },
	{ "group: files\n", "no line passwd" },
	{ "passwd: files\n", "no line group" },
	{ "passwd\ngroup: files\n", "no line passwd" },
	{ "Passwd: files\ngroup: files\n", "no line passwd" },
	{ "# passwd: files\ngroup: files\n", "no line passwd" },
	{ "passwd:\ngroup: files\n", "files is not among" },
	{ "passwd: files\ngroup :files\n", "group: files is not among" },
	{ "passwd: files\ngroup: files\ninitgroups: berth berth\n", "initgroups: files is not among" },
	{ "passwd: files\ngroup: files\ninitgroups:\n", "initgroups: files is not among" },
	{ "passwd: sss\ngroup: files\n", "files is not among" },
	{ "passwd: files # berth\ngroup: #files\n", "files is not among" },
	{ "passwd: files [NOTFOUND=return] sss\ngroup: files\n", "found in files" },
	{ "passwd: files sss [!UNAVAIL=return]\ngroup: files\n", "found in sss" },
	{ "passwd: files\ngroup: files ldap[success=return notfound=RETURN]\n", "group: who isn't found in ldap" },
	{ "passwd: files\ngroup: files\ninitgroups: files [NOTFOUND=return]\n", "initgroups" },
	{ "passwd: files [NOTFOUND\ngroup: files\n", "can't be read" },
	{ "passwd: files [NOTFOUND=]\ngroup: files\n", "can't be read" },
	{ "passwd: files [=return]\ngroup: files\n", "can't be read" },
	{ "passwd: files [a=b] [c=d]\ngroup: files\n", "can't be read" },
	{ "passwd: [a=b] files\ngroup: files\n", "can't be read" },
};

static void
test_nsswitch_is_put_in_and_taken_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nss_pairs); i++)
		becomes(&nsswitch, nss_pairs[i].before, nss_pairs[i].after, nss_pairs[i].before);
}

static void
test_nsswitch_is_put_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nss_mended); i++)
		becomes(&nsswitch, nss_mended[i][0], nss_mended[i][1], nss_mended[i][2]);
}

static void
test_nsswitch_without_a_place_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nss_refused); i++)
		refused(&nsswitch, nss_refused[i][0], nss_refused[i][1]);
}

static void
test_nsswitch_is_judged(void **state)
{
	(void)state;
	judged(&nsswitch, "passwd: files\ngroup: files berth\n", "passwd: berth is not among");
	judged(&nsswitch, "passwd: files berth\ngroup: files\n", "group: berth is not among");
	judged(&nsswitch, "passwd: files berth\ngroup: files berth\ninitgroups: files\n", "initgroups: berth is not");
	judged(&nsswitch, "passwd: berth files\ngroup: files berth\n", "must come after files");
	judged(&nsswitch, "passwd: files berth berth\ngroup: files berth\n", "more than once");
	judged(&nsswitch, "passwd: files [NOTFOUND=return] berth\ngroup: files berth\n", "isn't looked for any further");
	judged(&nsswitch, "passwd: files [NOTFOUND=return berth\ngroup: files berth\n", "can't be read");
}

/*
 * /etc/pam.d/sshd
 */

#define DEBIAN_AUTH    "# PAM configuration for the Secure Shell service\n\n# Standard Un*x authentication.\n"
#define DEBIAN_ACCOUNT "@include common-auth\n\n# Disallow non-root logins when /etc/nologin exists.\n"
#define DEBIAN_SESSION \
	"account    required     pam_nologin.so\n\n# Standard Un*x authorization.\n@include common-account\n\n" \
	"session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close\n\n" \
	"# Set the loginuid process attribute.\nsession    required     pam_loginuid.so\n\n" \
	"# Create a new session keyring.\nsession    optional     pam_keyinit.so force revoke\n\n" \
	"# Standard Un*x session setup and teardown.\n"
#define DEBIAN_REST \
	"@include common-session\n\nsession    optional     pam_motd.so  motd=/run/motd.dynamic\n" \
	"session    optional     pam_mail.so standard noenv # [1]\nsession    required     pam_limits.so\n" \
	"session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so open\n\n" \
	"# Standard Un*x password updating.\n@include common-password\n"

#define REDHAT_ACCOUNT "auth       substack     password-auth\nauth       include      postlogin\n"
#define REDHAT_SESSION \
	"account    required     pam_sepermit.so\naccount    required     pam_nologin.so\n" \
	"account    include      password-auth\npassword   include      password-auth\n" \
	"# pam_selinux.so close should be the first session rule\nsession    required     pam_selinux.so close\n" \
	"session    required     pam_loginuid.so\nsession    required     pam_selinux.so open env_params\n" \
	"session    required     pam_namespace.so\nsession    optional     pam_keyinit.so force revoke\n"
#define REDHAT_REST "session    optional     pam_motd.so\nsession    include      password-auth\n"

static const struct pair pam_pairs[] = {
	{ DEBIAN_AUTH DEBIAN_ACCOUNT DEBIAN_SESSION DEBIAN_REST,
	    DEBIAN_AUTH AUTH DEBIAN_ACCOUNT ACCOUNT DEBIAN_SESSION SESSION DEBIAN_REST },
	{ "#%PAM-1.0\n" REDHAT_ACCOUNT REDHAT_SESSION REDHAT_REST,
	    "#%PAM-1.0\n" AUTH REDHAT_ACCOUNT ACCOUNT REDHAT_SESSION SESSION REDHAT_REST },
	/* one include for all */
	{ "@include all", AUTH ACCOUNT SESSION "@include all" },
	/* an include that nobody knows may hold account lines, or session lines */
	{ "@include common-auth\n@include site\naccount required pam_unix.so\nsession required pam_unix.so\n",
	    AUTH "@include common-auth\n" ACCOUNT SESSION
	    "@include site\naccount required pam_unix.so\nsession required pam_unix.so\n" },
	/* what may be missing, capitals, blanks before it, no newline at the end */
	{ "  -AUTH optional pam_x.so\n-account optional pam_x.so\n\tSession required pam_unix.so",
	    AUTH "  -AUTH optional pam_x.so\n" ACCOUNT "-account optional pam_x.so\n" SESSION
	    "\tSession required pam_unix.so" },
	/* only such session lines as belong before ours */
	{ "auth required a.so\naccount required a.so\nsession required pam_loginuid.so\n",
	    AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n" SESSION },
	{ "auth required a.so\naccount required a.so\nsession required pam_loginuid.so",
	    AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n"
	    "session  [success=done ignore=ignore default=die]  pam_berth.so" },
	/* what jumps over lines counts on those that follow it: ours isn't among them */
	{ "session [success=1 default=ignore] pam_loginuid.so\nsession required pam_deny.so\naccount required a.so\n"
	  "auth required a.so\n",
	    SESSION "session [success=1 default=ignore] pam_loginuid.so\nsession required pam_deny.so\n" ACCOUNT
	    "account required a.so\n" AUTH "auth required a.so\n" },
	/* session lines before all others; pam_keyinit behind others stays there */
	{ "session required a.so\nsession optional pam_keyinit.so\naccount required a.so\nauth required a.so\n",
	    SESSION "session required a.so\nsession optional pam_keyinit.so\n" ACCOUNT "account required a.so\n"
	    AUTH "auth required a.so\n" },
	/* lines that go on, and comments that look so */
	{ "account required \\\n\ta.so\nsession \\\n required \\  \n b.so\nauth required c.so\n",
	    AUTH ACCOUNT "account required \\\n\ta.so\n" SESSION "session \\\n required \\  \n b.so\nauth required c.so\n" },
	{ "# one \\\nauth required a.so\naccount required a.so # two \\\nsession required a.so\n",
	    AUTH "# one \\\nauth required a.so\n" ACCOUNT "account required a.so # two \\\n" SESSION
	    "session required a.so\n" },
	/* a type that libpam doesn't know, it takes for auth */
	{ "aut required a.so\nauth required a.so\naccount required a.so\nsession required a.so\n",
	    AUTH "aut required a.so\nauth required a.so\n" ACCOUNT "account required a.so\n" SESSION
	    "session required a.so\n" },
	/* CRLF */
	{ "auth required a.so\r\naccount required a.so\r\nsession required a.so\r\n",
	    AUTH "auth required a.so\r\n" ACCOUNT "account required a.so\r\n" SESSION "session required a.so\r\n" },
	/* not ours: another module, a comment, an argument */
	{ "#auth required pam_berth.so\nauth required xpam_berth.so\naccount required a.so pam_berth.so\n"
	    "session required a.so\n",
	    "#auth required pam_berth.so\n" AUTH "auth required xpam_berth.so\n" ACCOUNT
	    "account required a.so pam_berth.so\n" SESSION "session required a.so\n" },
};

#define PLAIN "auth required a.so\naccount required a.so\nsession required pam_loginuid.so\nsession required a.so\n"
#define PLAIN_WIRED \
	AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n" SESSION \
	"session required a.so\n"

/* There already, not as it must be: all become PLAIN_WIRED. */
static const char *const pam_mended[] = {
	/* in the wrong place */
	"auth required a.so\n" AUTH ACCOUNT "account required a.so\nsession required pam_loginuid.so\n" SESSION
	"session required a.so\n",
	AUTH "auth required a.so\naccount required a.so\n" ACCOUNT "session required pam_loginuid.so\n" SESSION
	"session required a.so\n",
	AUTH "auth required a.so\n" ACCOUNT "account required a.so\n" SESSION "session required pam_loginuid.so\n"
	"session required a.so\n",
	AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n"
	"session required a.so\n" SESSION,
	/* one is missing, one is there twice */
	AUTH "auth required a.so\naccount required a.so\nsession required pam_loginuid.so\nsession required a.so\n",
	AUTH AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n" SESSION
	"session required a.so\n",
	/* in other words */
	"auth required pam_berth.so\nauth required a.so\n" ACCOUNT "account required a.so\n"
	"session required pam_loginuid.so\n" SESSION "session required a.so\n",
	"-" AUTH "auth required a.so\n" ACCOUNT "account required a.so\nsession required pam_loginuid.so\n" SESSION
	"session required a.so\n",
	"auth [success=done ignore=ignore default=die] x/pam_berth.so\n" PLAIN,
	"auth [success=done ignore=ignore default=die]pam_berth.so\n" PLAIN,
	"auth [success=done ignore=ignore default=die] pam_berth.so debug\n" PLAIN,
	"auth [success=done ignore=ignore default=die] pam_berth.so#\n" PLAIN,
	"auth [success=done ignore=ignore default=die] pam_berth.so\r\n" PLAIN,
	"auth [success=done ignore=ignore default=die] \\\n pam_berth.so\n" PLAIN,
	/* of a type that has none */
	"password required pam_berth.so\n" PLAIN_WIRED,
	PLAIN_WIRED "password required pam_berth.so\n",
};

/* Right as they are. */
static const char *const pam_right[] = {
	PLAIN_WIRED,
	"AUTH\t[success=done ignore=ignore default=die] /lib/security/pam_berth.so # Berth\nauth required a.so\n" ACCOUNT
	"account required a.so\n" SESSION "session required a.so\n",
	/* beside each other, with what belongs before the session's elsewhere */
	AUTH ACCOUNT SESSION "@include common-auth\naccount required a.so\nsession required a.so\n"
	"session required pam_loginuid.so\n",
};

static const char *const pam_refused[][2] = {
	{ "", "no auth line" },
	{ "# nothing\n", "no auth line" },
	{ "auth required a.so\n", "no account line" },
	{ "auth required a.so\naccount required a.so", "no session line" },
	{ "auth required a.so\naccount required a.so\nsession required pam_loginuid.so \\", "backslash" },
};

static void
test_pam_lines_are_put_in_and_taken_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pam_pairs); i++)
		becomes(&pam_file, pam_pairs[i].before, pam_pairs[i].after, pam_pairs[i].before);
}

static void
test_pam_lines_are_put_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pam_mended); i++)
		becomes(&pam_file, pam_mended[i], PLAIN_WIRED, PLAIN);
}

static void
test_right_pam_lines_stay(void **state)
{
	char why[WIRING_WHY_MAX], *added;

	(void)state;
	for (size_t i = 0; i < COUNT(pam_right); i++) {
		added = pam_file_add(pam_right[i], why);
		assert_string_equal(added, pam_right[i]);
		assert_int_equal(pam_file_judge(pam_right[i], why), 0);
		free(added);
	}
}

static void
test_pam_files_without_a_place_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pam_refused); i++)
		refused(&pam_file, pam_refused[i][0], pam_refused[i][1]);
}

static void
test_pam_lines_are_judged(void **state)
{
	(void)state;
	judged(&pam_file, PLAIN, "no auth line");
	judged(&pam_file, pam_mended[0], "line 2: the auth line of pam_berth.so must come before line 1");
	judged(&pam_file, pam_mended[1], "line 4: the account line of pam_berth.so must come before line 3");
	judged(&pam_file, pam_mended[2], "line 5: the session line of pam_berth.so must come after line 6");
	judged(&pam_file, pam_mended[3], "line 7: the session line of pam_berth.so must come before line 6");
	judged(&pam_file, pam_mended[4], "no account line");
	judged(&pam_file, pam_mended[5], "line 2: line 1 is an auth line");
	judged(&pam_file, pam_mended[6], "line 1: the auth line of pam_berth.so must be: auth ");
	judged(&pam_file, pam_mended[14], "line 1: pam_berth.so has no such line");
	judged(&pam_file, "# \\\n" PLAIN_WIRED, "must come before line 1");
}

static void
test_a_pam_file_too_long_for_the_keys_command_is_refused(void **state)
{
	static char text[80000];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	memcpy(text, PLAIN_WIRED, strlen(PLAIN_WIRED));
	refused(&pam_file, text, "more than");
	memset(text, '\n', sizeof(text) - 1);
	memcpy(text, PLAIN, strlen(PLAIN));
	text[64990] = '\0';
	refused(&pam_file, text, "more than");
}

/* Any bytes: whatever add accepts, judge accepts, and remove gives back. */
static void
test_mangled_texts(void **state)
{
	static const char *const words[] = { "passwd", ":", "group:", "files", "berth", " ", "\t", "\n", "\n", "#", "[", "]",
		"NOTFOUND", "=", "return", "!", "initgroups:", "passwd: files\n", "group: files\n" };
	static const char *const lines[] = { "auth", "account", "session", "@include ", "common-auth", " ",
		" required ", "\n",
		"\n", "\\\n", "#", "[x=y]", " a.so", " pam_keyinit.so", "-", "auth required a.so\n",
		"account required a.so\n",
		"session required a.so\n", "session optional pam_keyinit.so\n", "\\", "x", " pam_berth.so", AUTH,
		SESSION };
	char text[2048], why[WIRING_WHY_MAX], *added, *removed;
	unsigned accepted[2] = { 0, 0 };

	(void)state;
	srand(7);
	for (unsigned round = 0; round < 60000; round++) {
		const struct wiring *wiring = round % 2 ? &pam_file : &nsswitch;
		int parts = rand() % 24;

		text[0] = '\0';
		for (int i = 0; i < parts; i++)
			strcat(text, round % 2 ? lines[(size_t)rand() % COUNT(lines)] :
			    words[(size_t)rand() % COUNT(words)]);
		added = wiring->add(text, why);
		if (added == NULL)
			continue;
		accepted[round % 2]++;
		removed = wiring->remove(text);
		becomes(wiring, text, added, strcmp(removed, text) == 0 ? text : removed);
		free(added);
		free(removed);
	}
	assert_true(accepted[0] > 1000 && accepted[1] > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nsswitch_is_put_in_and_taken_out),
		cmocka_unit_test(test_nsswitch_is_put_right),
		cmocka_unit_test(test_nsswitch_without_a_place_is_refused),
		cmocka_unit_test(test_nsswitch_is_judged),
		cmocka_unit_test(test_pam_lines_are_put_in_and_taken_out),
		cmocka_unit_test(test_pam_lines_are_put_right),
		cmocka_unit_test(test_right_pam_lines_stay),
		cmocka_unit_test(test_pam_files_without_a_place_are_refused),
		cmocka_unit_test(test_pam_lines_are_judged),
		cmocka_unit_test(test_a_pam_file_too_long_for_the_keys_command_is_refused),
		cmocka_unit_test(test_mangled_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
