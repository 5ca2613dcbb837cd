/*
 * berth why: lines of the log, also such as are written to be taken for others.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "admin_cmd/why/why.h"
#include "admin_cmd/why/why_line.h"

#define NOTHING WHY_NOTHING, WHY_SSHD, NULL, NULL
#define BY_SSHD WHY_REFUSED, WHY_SSHD, "192.0.2.7"
#define KEY "ED25519 SHA256:uIeoYhBuCm0LrPospK9gOcHVGDnD+ALmzc4aVgnFcAg"

static const struct {
	const char *program, *message;
	enum why_kind kind;
	enum why_who who;
	const char *client, *reason; /* the reason holds it */
} LINES[] = {
	/* sshd's own. */
	{ "sshd", "Invalid user alice from 192.0.2.7 port 50022", BY_SSHD, "NSS" },
	{ "sshd", "Invalid user alice from 2001:db8::7 port 50022", WHY_REFUSED, WHY_SSHD, "2001:db8::7", "NSS" },
	{ "sshd-session", "Invalid user alice from 192.0.2.7 port 50022", BY_SSHD, "NSS" },
	{ "sshd", "Connection closed by invalid user alice 192.0.2.7 port 50022 [preauth]", BY_SSHD, "NSS" },
	{ "sshd", "Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]", WHY_REFUSED, WHY_SSHD,
	    "192.0.2.7", "gave up" },
	{ "sshd", "Connection reset by authenticating user alice 192.0.2.7 port 50022 [preauth]", WHY_REFUSED, WHY_SSHD,
	    "192.0.2.7", "gave up" },
	{ "sshd", "Failed publickey for alice from 192.0.2.7 port 50022 ssh2: " KEY, BY_SSHD, KEY },
	{ "sshd", "Failed password for alice from 192.0.2.7 port 50022 ssh2", BY_SSHD, "password" },
	{ "sshd", "Failed keyboard-interactive/pam for alice from 192.0.2.7 port 50022 ssh2",
	    BY_SSHD, "keyboard-interactive/pam" },
	{ "sshd", "Failed none for alice from 192.0.2.7 port 50022 ssh2", NOTHING },
	{ "sshd", "Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: " KEY,
	    WHY_ACCEPTED, WHY_SSHD, "192.0.2.7", NULL },
	{ "sshd", "error: maximum authentication attempts exceeded for alice from 192.0.2.7 port 50022 ssh2 [preauth]",
	    BY_SSHD, "MaxAuthTries" },
	{ "sshd", "Disconnecting authenticating user alice 192.0.2.7 port 50022: Too many authentication failures [preauth]",
	    BY_SSHD, "MaxAuthTries" },
	{ "sshd", "Disconnecting authenticating user alice 192.0.2.7 port 50022: no authentication methods enabled [preauth]",
	    BY_SSHD, "PubkeyAuthentication" },
	{ "sshd", "User alice from 192.0.2.7 not allowed because not listed in AllowUsers",
	    BY_SSHD, "not listed in AllowUsers" },
	{ "sshd", "User alice not allowed because shell /usr/sbin/nologin does not exist", WHY_REFUSED, WHY_SSHD, "",
	    "shell /usr/sbin/nologin" },
	{ "sshd", "fatal: Access denied for user alice by PAM account configuration [preauth]",
	    WHY_REFUSED, WHY_SSHD, "", "PAM" },
	{ "sshd", "AuthorizedKeysCommand /usr/libexec/berth/berth-keys alice 5001 ssh-ed25519 AAAA failed, status 1",
	    WHY_REFUSED,
	    WHY_SSHD, "", "status 1" },
	{ "sshd", "error: Unsafe AuthorizedKeysCommand \"/usr/libexec/berth/berth-keys\": bad ownership or modes for file /x",
	    WHY_NAMELESS, WHY_SSHD, "", "Unsafe" },
	{ "sshd", "Authentication refused: bad ownership or modes for directory /x", WHY_NAMELESS, WHY_SSHD, "", "/x" },
	{ "sshd", "Received disconnect from 192.0.2.7 port 50022:11: disconnected by user", NOTHING },

	/* Berth's. */
	{ "sshd", "pam_berth(sshd:account): refused user=alice client=192.0.2.7 reason=\"server s-0 is OFFLINE\"",
	    WHY_REFUSED,
	    WHY_PAM_BERTH, "192.0.2.7", "server s-0 is OFFLINE" },
	{ "sshd", "pam_berth(sshd:session): refused user=alice client=- reason=\"x\"", WHY_REFUSED, WHY_PAM_BERTH, "", "x" },
	{ "sshd", "pam_berth(sshd:session): session ended user=alice session=15e837ffc37e2147 reason=\"the log\"",
	    WHY_REFUSED,
	    WHY_PAM_BERTH, "", "the log" },
	{ "sshd", "pam_berth(sshd:setcred): session opened user=alice server=s-0 client=192.0.2.7 port=1 key=- uid=5001",
	    NOTHING },
	{ "berthd", "record not served: user=alice server=s-0 reason=\"no PosixProfile, and no …\"",
	    WHY_REFUSED, WHY_BERTHD, "",
	    "record not served: no PosixProfile" },
	{ "berthd", "record can't be fetched: user=alice reason=\"denied\"", WHY_REFUSED, WHY_BERTHD, "", "denied" },
	{ "berthd", "key is not the user's: user=alice server=s-0 key=SHA256:abc",
	    WHY_REFUSED, WHY_BERTHD, "", "SHA256:abc" },
	{ "berthd", "store can't be read, lookups are answered UNAVAILABLE: reason=\"disk\"",
	    WHY_FOR_ALL, WHY_BERTHD, "", "disk" },
	{ "berthd", "started version=0.1.0 server=s-0 store=x user=berth", NOTHING },
	{ "berth-keys", "no keys: user=alice reason=\"the agent can't be asked: Connection refused\"",
	    WHY_REFUSED, WHY_BERTH_KEYS, "", "refused" },
	{ "berth-keys", "no keys: user=alice reason=\"uid 12 is none that a Berth user may have\"",
	    WHY_REFUSED, WHY_BERTH_KEYS, "", "uid 12" },

	/* Of others, and of those who would like to be alice. */
	{ "sshd", "Invalid user bob from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "Invalid user alice2 from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "Invalid user alice from 198.51.100.1 port 5 from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "Invalid user  alice from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "Invalid user x from 1.1.1.1 port 1 Invalid user alice from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "Connection closed by invalid user x authenticating user alice 192.0.2.7 port 50022 [preauth]", NOTHING },
	{ "sshd", "Connection closed by authenticating user alice 198.51.100.1 port 5 [preauth] 192.0.2.7 port 50022 [preauth]",
	    NOTHING },
	{ "sshd", "Failed publickey for invalid user alice from 192.0.2.7 port 50022 ssh2: " KEY, NOTHING },
	{ "sshd", "Failed publickey for bob from 192.0.2.7 port 1 ssh2: ED25519-CERT SHA256:a ID x for alice from 198.51.100.1 "
	    "port 5 ssh2: " KEY " (serial 0) CA " KEY, NOTHING },
	{ "sshd", "Failed none for invalid user x for alice from 192.0.2.7 port 50022 ssh2", NOTHING },
	{ "sshd", "Disconnecting authenticating user x 192.0.2.7 port 1: Change of username or service not allowed: "
	    "(x,ssh-connection) -> (alice 198.51.100.1 port 5: Too many authentication failures,ssh-connection) [preauth]",
	    NOTHING },
	{ "sshd", "pam_berth(sshd:account): refused user=alice\" client=192.0.2.7 reason=\"x\"", NOTHING },
	{ "sshd", "pam_berth(sshd:account): refused user=alice client=1.2.3.4 reason=\"y\" client=192.0.2.7 reason=\"x\"",
	    NOTHING },
	{ "sshd", "Invalid user pam_berth(sshd:account): refused user=alice client=1.2.3.4 reason=\"y\" from 192.0.2.7 port 5",
	    NOTHING },
	{ "berthd", "Invalid user alice from 192.0.2.7 port 50022", NOTHING },
	{ "su", "Invalid user alice from 192.0.2.7 port 50022", NOTHING },
	{ "sshd", "", NOTHING },
	{ "sshd", " [preauth]", NOTHING },
	{ "sshd", "Failed ", NOTHING },
	{ "sshd", "AuthorizedKeysCommand alice ", NOTHING },
	{ "sshd", "Disconnecting authenticating user : Too many authentication failures", NOTHING },
};

static void
messages(void **state)
{
	struct why_event event;

	(void)state;
	for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
		enum why_kind kind = why_message(LINES[i].program, LINES[i].message, "alice", &event);

		if (kind != LINES[i].kind)
			fail_msg("%s: kind %d, not %d", LINES[i].message, kind, LINES[i].kind);
		if (kind == WHY_NOTHING)
			continue;
		assert_string_equal(event.client, LINES[i].client);
		assert_int_equal(event.who, LINES[i].who);
		if (LINES[i].reason != NULL && strstr(event.reason, LINES[i].reason) == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", LINES[i].message, event.reason, LINES[i].reason);
		if (strstr(LINES[i].message, "alice") != NULL)
			assert_true(why_message_may_matter(LINES[i].message, "alice"));
	}
}

/* Who connects under such a name is found under it, and nobody else is. */
static void
names_with_spaces(void **state)
{
	static const char *const NAMES[] = { "a b", "alice from 198.51.100.1 port 5", "x\" client=1", "alice ", " ", "a  b",
		"alice 198.51.100.1 port 5 [preauth]" };
	struct why_event event;
	char message[512];

	(void)state;
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		snprintf(message, sizeof(message), "Invalid user %s from 192.0.2.7 port 50022", NAMES[i]);
		assert_int_equal(why_message("sshd", message, NAMES[i], &event), WHY_REFUSED);
		assert_string_equal(event.client, "192.0.2.7");
		assert_int_equal(why_message("sshd", message, "alice", &event), WHY_NOTHING);
	}
}

/* Every beginning of every line, and every line as long as it gets, is read without harm. */
static void
cut_lines(void **state)
{
	struct why_event event;
	struct why_line read;
	char *cut;

	(void)state;
	for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
		for (size_t length = 0; length <= strlen(LINES[i].message); length++) {
			cut = strndup(LINES[i].message, length);
			why_message(LINES[i].program, cut, "alice", &event);
			why_line_read(cut, 1e9, &read);
			free(cut);
		}
	}
	cut = malloc(100001);
	memset(cut, 'a', 100000);
	cut[100000] = '\0';
	assert_int_equal(why_message("sshd", cut, "alice", &event), WHY_NOTHING);
	memcpy(cut, "Invalid user ", 13);
	assert_int_equal(why_message("sshd", cut, cut + 13, &event), WHY_NOTHING);
	free(cut);
}

static double
utc(int year, int month, int day, int hour, int minute, int second)
{
	struct tm time = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
		.tm_sec = second };

	return (double)timegm(&time);
}

static void
log_lines(void **state)
{
	double now = utc(2026, 3, 1, 12, 0, 0);
	const struct {
		const char *line;
		double time;
		const char *program;
		pid_t pid;
		const char *message;
	} lines[] = {
		{ "Feb 28 04:19:26 host sshd[812]: hello: you", utc(2026, 2, 28, 4, 19, 26), "sshd", 812, "hello: you" },
		{ "Nov 22 04:19:26 host sshd[812]: hello", utc(2025, 11, 22, 4, 19, 26), "sshd", 812, "hello" },
		{ "Mar  1 04:09:06 host berth-keys[3]: hello", utc(2026, 3, 1, 4, 9, 6), "berth-keys", 3, "hello" },
		{ "Mar  2 11:59:59 host sshd[812]: ahead", utc(2026, 3, 2, 11, 59, 59), "sshd", 812, "ahead" },
		{ "Mar  3 12:00:01 host sshd[812]: last year", utc(2025, 3, 3, 12, 0, 1), "sshd", 812, "last year" },
		{ "Feb 29 12:00:01 host sshd[812]: leap", utc(2024, 2, 29, 12, 0, 1), "sshd", 812, "leap" },
		{ "2026-02-28T04:19:26.250000+01:00 host berthd[7]: hello", utc(2026, 2, 28, 3, 19, 26) + .25,
		    "berthd", 7, "hello" },
		{ "2026-02-28T04:19:26Z host berthd: hello", utc(2026, 2, 28, 4, 19, 26), "berthd", 0, "hello" },
		{ "Feb 28 04:19:26 host sshd[812]: message repeated 2 times: [ hello]", utc(2026, 2, 28, 4, 19, 26),
		    "sshd", 812,
		    "hello" },
		{ "Feb 28 04:19:26 host sshd[812]: message repeated 2 times: hello", utc(2026, 2, 28, 4, 19, 26),
		    "sshd", 812,
		    "message repeated 2 times: hello" },
	};
	static const char *const NONE[] = { "", "hello", "Feb 28 04:19:26", "Feb 28 04:19:26 host", "Feb 28 04:19:26 host sshd",
		"Feb 28 04:19:26 host sshd[812", "Feb 28 04:19:26 host sshd[x]: y", "Feb 32 04:19:26 host sshd[812]: x",
		"2026-02-28T04:19:26 host sshd[1]: x", "2026-13-28T04:19:26Z host sshd[1]: x", "Feb 28 04:19:26 host : x",
		"Feb 28 04:19:26 host a-name-that-is-longer-than-any-programs-name[1]: x" };
	struct why_line read;
	char *line;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		line = strdup(lines[i].line);
		if (!why_line_read(line, now, &read))
			fail_msg("not read: %s", lines[i].line);
		if (fabs(read.time - lines[i].time) > 1e-3)
			fail_msg("%s: %f, not %f", lines[i].line, read.time, lines[i].time);
		assert_string_equal(read.program, lines[i].program);
		assert_int_equal(read.pid, lines[i].pid);
		assert_string_equal(read.message, lines[i].message);
		free(line);
	}
	for (size_t i = 0; i < sizeof(NONE) / sizeof(NONE[0]); i++) {
		line = strdup(NONE[i]);
		if (why_line_read(line, now, &read))
			fail_msg("read: %s", NONE[i]);
		free(line);
	}
}

/* What is left of some lines: "WHO CLIENT;" each. */
static const char *
collected(const char *const lines[], size_t last)
{
	static char text[1024];
	struct why why = { .user = "alice", .since = 1000 };
	size_t used = 0;
	double time;
	char program[32];
	int pid, at;

	for (; *lines != NULL; lines++) {
		assert_int_equal(sscanf(*lines, "%lf %31s %d %n", &time, program, &pid, &at), 3);
		why_add(&why, time, program, pid, *lines + at);
	}
	why_collect(&why, last);
	text[0] = '\0';
	for (size_t i = 0; i < why.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%.0f %s %s;", why.events[i].time,
		    why_who_name(why.events[i].who), why.events[i].client);
	why_free(&why);
	return text;
}

#define COLLECTED(last, wanted, ...) \
	assert_string_equal(collected((const char *const[]){ __VA_ARGS__, NULL }, last), wanted)

static void
attempts(void **state)
{
	(void)state;
	/* One refusal an attempt, its best line; what only another one knew is kept. */
	COLLECTED(9, "1001 pam_berth 192.0.2.7;",
	    "1001 sshd 5 pam_berth(sshd:account): refused user=alice client=192.0.2.7 reason=\"x\"",
	    "1001 sshd 5 fatal: Access denied for user alice by PAM account configuration [preauth]",
	    "1002 sshd 5 Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]");
	COLLECTED(9, "1001 sshd 192.0.2.7;",
	    "1001 sshd 5 AuthorizedKeysCommand /k alice failed, status 1",
	    "1002 sshd 5 Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]");
	/* Two attempts: two processes, or one number long after. */
	COLLECTED(9, "1001 sshd 192.0.2.7;1002 sshd 192.0.2.8;1900 sshd 192.0.2.7;",
	    "1001 sshd 5 Invalid user alice from 192.0.2.7 port 1", "1002 sshd 6 Invalid user alice from 192.0.2.8 port 1",
	    "1900 sshd 5 Invalid user alice from 192.0.2.7 port 1");
	COLLECTED(1, "1900 sshd 192.0.2.7;",
	    "1001 sshd 5 Invalid user alice from 192.0.2.7 port 1", "1002 sshd 6 Invalid user alice from 192.0.2.8 port 1",
	    "1900 sshd 5 Invalid user alice from 192.0.2.7 port 1");
	/* Too long ago. */
	COLLECTED(9, "", "999 sshd 5 Invalid user alice from 192.0.2.7 port 1");
	/* A key that wasn't taken before one that was refuses nobody; what PAM refuses after that does. */
	COLLECTED(9, "",
	    "1001 berthd 2 key is not the user's: user=alice server=s-0 key=SHA256:abc",
	    "1001 sshd 5 Failed publickey for alice from 192.0.2.7 port 50022 ssh2: " KEY,
	    "1002 sshd 5 Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: " KEY);
	COLLECTED(9, "1003 pam_berth 192.0.2.7;",
	    "1002 sshd 5 Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: " KEY,
	    "1003 sshd 5 pam_berth(sshd:session): refused user=alice client=192.0.2.7 reason=\"x\"");
	COLLECTED(9, "1001 berthd ;1002 sshd 192.0.2.7;",
	    "1001 berthd 2 key is not the user's: user=alice server=s-0 key=SHA256:abc",
	    "1002 sshd 5 Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]");
	/* A line without a name is its process's user's. */
	COLLECTED(9, "1001 sshd 192.0.2.7;",
	    "1001 sshd 5 error: Unsafe AuthorizedKeysCommand \"/k\": bad ownership",
	    "1002 sshd 5 Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]");
	COLLECTED(9, "1002 sshd 192.0.2.7;",
	    "1001 sshd 6 error: Unsafe AuthorizedKeysCommand \"/k\": bad ownership",
	    "1002 sshd 5 Connection closed by authenticating user alice 192.0.2.7 port 50022 [preauth]");
	/* The agent's fault, when sshd refuses soon after. */
	COLLECTED(9, "1001 berthd ;1002 sshd 192.0.2.7;",
	    "1001 berthd 2 store can't be read, lookups are answered UNAVAILABLE: reason=\"disk\"",
	    "1002 sshd 5 Invalid user alice from 192.0.2.7 port 1");
	COLLECTED(9, "2002 sshd 192.0.2.7;",
	    "1001 berthd 2 store can't be read, lookups are answered UNAVAILABLE: reason=\"disk\"",
	    "2002 sshd 5 Invalid user alice from 192.0.2.7 port 1");
}

/* Whoever knocks often enough takes neither all memory nor all time; the newest are kept. */
static void
more_than_are_kept(void **state)
{
	struct why why = { .user = "alice" };

	(void)state;
	for (int i = 1; i <= 5 * WHY_EVENTS_MAX; i++)
		why_add(&why, i, "sshd", i, "Invalid user alice from 192.0.2.7 port 50022");
	assert_false(why.out_of_memory);
	assert_in_range(why.count, WHY_EVENTS_MAX / 2, WHY_EVENTS_MAX);
	for (size_t i = 0; i < why.count; i++)
		assert_int_equal(why.events[i].pid, 5 * WHY_EVENTS_MAX - why.count + 1 + i);
	why_free(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(names_with_spaces),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(attempts),
		cmocka_unit_test(more_than_are_kept),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
