/*
 * What the PAM module makes of an agent's answer: every field of it hostile once, and the key that sshd names. The
 * transport's hostility (lengths, drips, silence) is test_wire.c's.
 */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pam_module/session.h"

#define UID 60001u
#define GID 60002u
#define SERVER "s-0123456789abcdef0"
#define FINGERPRINT "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
#define SIZE 65536

/* The fields of an answer, to be changed one at a time. */
struct fields {
	const char *server_id;
	uint32_t uid, gid;
	uint32_t secondary_count, secondary[20];
	uint32_t home_type;
	const char *landing;
	uint32_t mapping_count; /* what is claimed */
	uint32_t mapping_type;
	const char *entry, *target; /* of the one mapping there is; NULL: none */
	const char *fingerprint;
	size_t cut;          /* bytes taken off the end */
	const char *tail;    /* bytes put there */
};

static const struct fields honest = {
	.server_id = SERVER, .uid = UID, .gid = GID, .secondary_count = 2, .secondary = { 60003, 60004 },
	.home_type = WIRE_HOME_LOGICAL, .landing = "/", .mapping_count = 1, .mapping_type = WIRE_MAPPING_DIRECTORY,
	.entry = "/", .target = "/bucket/alice", .fingerprint = FINGERPRINT,
};

static const struct passwd alice = { .pw_name = (char *)"alice-of-berth", .pw_uid = UID, .pw_gid = GID };

static uint8_t *
encode(const struct fields *fields, size_t *length)
{
	uint8_t *memory = malloc(SIZE);
	struct wire_out out;

	assert_non_null(memory);
	wire_out_init(&out, memory, SIZE);
	wire_put_string(&out, fields->server_id);
	wire_put_u32(&out, fields->uid);
	wire_put_u32(&out, fields->gid);
	wire_put_u32(&out, fields->secondary_count);
	for (uint32_t i = 0; i < fields->secondary_count && i < 20; i++)
		wire_put_u32(&out, fields->secondary[i]);
	wire_put_u32(&out, fields->home_type);
	wire_put_string(&out, fields->landing);
	wire_put_u32(&out, fields->mapping_count);
	if (fields->entry != NULL) {
		wire_put_u32(&out, fields->mapping_type);
		wire_put_string(&out, fields->entry);
		wire_put_string(&out, fields->target);
	}
	wire_put_string(&out, fields->fingerprint);
	for (const char *tail = fields->tail; tail != NULL && *tail != '\0'; tail++)
		memory[out.used++] = (uint8_t)*tail;
	assert_false(out.overflow);
	*length = out.used - fields->cut;
	return memory;
}

/* parse: 0 or -1; the session stays to be looked at, and must be freed. The answer lies in memory of its exact size, for
 * valgrind's and the sanitizers' sake. */
static int
parse(struct session *session, const struct fields *fields, char *reason)
{
	size_t length;
	uint8_t *memory = encode(fields, &length), *exact = malloc(length > 0 ? length : 1);

	assert_non_null(exact);
	memcpy(exact, memory, length);
	free(memory);
	reason[0] = '\0';
	return session_parse(session, exact, length, reason);
}

static void
assert_not_parsed(const struct fields *fields, int line)
{
	char reason[REASON_MAX];
	struct session session;

	if (parse(&session, fields, reason) != -1 || reason[0] == '\0')
		fail_msg("line %d: taken for a good answer", line);
	session_free(&session);
}

#define ASSERT_BAD(...) do { \
	struct fields bad = honest; \
	__VA_ARGS__; \
	assert_not_parsed(&bad, __LINE__); \
} while (0)

static void
an_honest_answer(void **state)
{
	char reason[REASON_MAX];
	struct session session;

	(void)state;
	assert_int_equal(parse(&session, &honest, reason), 0);
	assert_string_equal(session.server_id, SERVER);
	assert_int_equal(session.uid, UID);
	assert_int_equal(session.gid, GID);
	assert_int_equal(session.secondary_gid_count, 2);
	assert_int_equal(session.secondary_gids[1], 60004);
	assert_int_equal(session.mapping_count, 1);
	assert_string_equal(session.mappings[0].entry, "/");
	assert_string_equal(session.mappings[0].target, "/bucket/alice");
	assert_string_equal(session.landing, "/");
	assert_string_equal(session.fingerprint, FINGERPRINT);
	session_free(&session);
	session_free(&session); /* as a hook's end does after a failure */
}

static void
every_shorter_answer_is_refused(void **state)
{
	struct fields shorter = honest;
	size_t length;

	(void)state;
	free(encode(&honest, &length));
	for (shorter.cut = 1; shorter.cut <= length; shorter.cut++)
		assert_not_parsed(&shorter, __LINE__);
	ASSERT_BAD(bad.tail = "x");
	ASSERT_BAD(bad.tail = "more than that");
}

/* Any one byte changed: whatever comes out, nothing of it lies outside the answer or breaks a rule. */
static void
every_changed_byte_is_survived(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x2e, 0x2f, 0x7f, 0x80, 0xff };
	char reason[REASON_MAX];
	struct session session;
	size_t length;

	(void)state;
	free(encode(&honest, &length));
	for (size_t at = 0; at < length; at++) {
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t *answer = encode(&honest, &length), *exact = malloc(length);

			assert_non_null(exact);
			memcpy(exact, answer, length);
			free(answer);
			exact[at] = values[i];
			if (session_parse(&session, exact, length, reason) == 0)
				assert_true(session_path_valid(session.mappings[0].target) &&
				    strlen(session.server_id) <= SERVER_ID_LENGTH);
			session_free(&session);
		}
	}
}

static void
bad_fields(void **state)
{
	static char long_path[PATH_BYTES_MAX + 8];

	(void)state;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[0] = '/';
	ASSERT_BAD(bad.server_id = "s-0123456789abcdef01");
	ASSERT_BAD(bad.server_id = "s-01 server=other");
	ASSERT_BAD(bad.server_id = "s-01\nline two");
	ASSERT_BAD(bad.fingerprint = "SHA256:a b");
	ASSERT_BAD(bad.fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUxx");
	ASSERT_BAD(bad.secondary_count = SECONDARY_GIDS_MAX + 1);
	ASSERT_BAD(bad.secondary_count = 0xffffffff);
	ASSERT_BAD(bad.home_type = 0);
	ASSERT_BAD(bad.home_type = 3);
	ASSERT_BAD(bad.home_type = WIRE_HOME_PATH); /* with mappings */
	ASSERT_BAD(bad.landing = "");
	ASSERT_BAD(bad.landing = "relative");
	ASSERT_BAD(bad.landing = "/a/../..");
	ASSERT_BAD(bad.landing = long_path);
	ASSERT_BAD(bad.mapping_count = 0; bad.entry = NULL); /* LOGICAL without one */
	ASSERT_BAD(bad.mapping_count = 0);
	ASSERT_BAD(bad.mapping_count = 2);
	ASSERT_BAD(bad.mapping_count = MAPPINGS_MAX + 1);
	ASSERT_BAD(bad.mapping_count = 0x20000001);
	ASSERT_BAD(bad.mapping_count = 0xffffffff);
	ASSERT_BAD(bad.mapping_type = 0);
	ASSERT_BAD(bad.mapping_type = 3);
	ASSERT_BAD(bad.entry = "");
	ASSERT_BAD(bad.entry = "etc");
	ASSERT_BAD(bad.entry = "/../etc");
	ASSERT_BAD(bad.entry = long_path);
	ASSERT_BAD(bad.target = "");
	ASSERT_BAD(bad.target = "bucket");
	ASSERT_BAD(bad.target = "/..");
	ASSERT_BAD(bad.target = "/../../etc");
	ASSERT_BAD(bad.target = "/bucket/..");
	ASSERT_BAD(bad.target = "/bucket/../../etc");
	ASSERT_BAD(bad.target = "/bucket/./x");
	ASSERT_BAD(bad.target = "//etc");
	ASSERT_BAD(bad.target = "/bucket//x");
	ASSERT_BAD(bad.target = "/bucket/x//");
	ASSERT_BAD(bad.target = "/bucket/line\nfeed");
	ASSERT_BAD(bad.target = "/bucket/\x7f");
	ASSERT_BAD(bad.target = long_path);
}

static void
path_rules(void **state)
{
	static const char *const good[] = { "/", "/a", "/a/", "/a/b", "/...", "/.a", "/a..", "/..a/b", "/a b", "/\xc3\xa4" };
	static const char *const bad[] = { "", "a", "./a", "//", "/a//", "/.", "/./", "/..", "/../", "/a/.", "/a/./b",
		"/a/..", "/a/../b", "/a\nb", "/a\tb", "/\x01", "/\x7f", "/a//b" };
	static char path[PATH_BYTES_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!session_path_valid(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (session_path_valid(bad[i]))
			fail_msg("%s is taken", bad[i]);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	assert_false(session_path_valid(path));
	path[PATH_BYTES_MAX] = '\0';
	assert_true(session_path_valid(path));
}

/* judge: a parsed answer with these fields, against the host and this passwd entry. */
static int
judge(const struct fields *fields, const struct config *config, const struct passwd *entry, char *reason)
{
	struct session session;
	int result;

	assert_int_equal(parse(&session, fields, reason), 0);
	result = session_judge(&session, config, entry, reason);
	session_free(&session);
	return result;
}

static void
no_id_below_the_floors(void **state)
{
	static const uint32_t low[] = { 0, 1, 27, 42, 999, 5999, ID_NONE, BERTH_USERS_GID };
	const struct config config = { .min_uid = 6000, .min_gid = 6000 };
	char reason[REASON_MAX];
	struct fields bad;

	(void)state;
	assert_int_equal(judge(&honest, &config, &alice, reason), 0);
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		/* The passwd entry says the same: a hostile agent is one agent. */
		const struct passwd same_uid = { .pw_name = alice.pw_name, .pw_uid = low[i], .pw_gid = GID };
		const struct passwd same_gid = { .pw_name = alice.pw_name, .pw_uid = UID, .pw_gid = low[i] };

		bad = honest;
		bad.uid = low[i];
		assert_int_equal(judge(&bad, &config, &same_uid, reason), -1);
		assert_non_null(strstr(reason, "Uid"));
		bad = honest;
		bad.gid = low[i];
		assert_int_equal(judge(&bad, &config, &same_gid, reason), -1);
		assert_non_null(strstr(reason, "Gid"));
		bad = honest;
		bad.secondary[1] = low[i];
		assert_int_equal(judge(&bad, &config, &alice, reason), -1);
		assert_non_null(strstr(reason, "secondary"));
	}
}

/* A configuration without floors (it can't be written, but memory is memory) falls back to the compiled one. */
static void
the_compiled_floor_holds(void **state)
{
	const struct config config = { .min_uid = 0, .min_gid = 0 };
	static const uint32_t low[] = { 0, 999 };
	struct fields bad = honest;
	char reason[REASON_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		const struct passwd same = { .pw_name = alice.pw_name, .pw_uid = low[i], .pw_gid = low[i] };

		bad.uid = bad.gid = low[i];
		assert_int_equal(judge(&bad, &config, &same, reason), -1);
		assert_non_null(strstr(reason, "Uid"));
		assert_null(strstr(reason, "/etc/passwd"));
	}
}

static void
the_passwd_entry_must_agree(void **state)
{
	const struct config config = { .min_uid = 1000, .min_gid = 1000 };
	const struct passwd other_uid = { .pw_name = alice.pw_name, .pw_uid = UID + 1, .pw_gid = GID };
	const struct passwd other_gid = { .pw_name = alice.pw_name, .pw_uid = UID, .pw_gid = GID + 1 };
	char reason[REASON_MAX];

	(void)state;
	assert_int_equal(judge(&honest, &config, &other_uid, reason), -1);
	assert_non_null(strstr(reason, "changed"));
	assert_int_equal(judge(&honest, &config, &other_gid, reason), -1);
	assert_non_null(strstr(reason, "changed"));
}

/* Any /etc/passwd has these: root by name, nobody by name and uid. */
static void
a_local_account_is_never_a_record(void **state)
{
	uint32_t nobody_uid = 65534;
	struct config config = { .min_uid = 1000, .min_gid = 1000 };
	const struct passwd local_name = { .pw_name = (char *)"nobody", .pw_uid = UID, .pw_gid = GID };
	const struct passwd local_uid = { .pw_name = alice.pw_name, .pw_uid = nobody_uid, .pw_gid = GID };
	struct fields bad = honest;
	char reason[REASON_MAX];

	(void)state;
	if (getpwnam("nobody") == NULL || getpwnam("nobody")->pw_uid != nobody_uid)
		skip();
	assert_int_equal(judge(&honest, &config, &local_name, reason), -1);
	assert_non_null(strstr(reason, "local account"));
	bad.uid = nobody_uid;
	assert_int_equal(judge(&bad, &config, &local_uid, reason), -1);
	assert_non_null(strstr(reason, "local account"));

	/* ShareUid allows the uid, and not the name. */
	config.share_uids = &nobody_uid;
	config.share_uid_count = 1;
	assert_int_equal(judge(&bad, &config, &local_uid, reason), 0);
	assert_int_equal(judge(&honest, &config, &local_name, reason), -1);
}

static void
path_without_home_needs_the_configurations_word(void **state)
{
	struct config config = { .min_uid = 1000, .min_gid = 1000 };
	struct fields fields = honest;
	char reason[REASON_MAX];

	(void)state;
	fields.home_type = WIRE_HOME_PATH;
	fields.mapping_count = 0;
	fields.entry = NULL;
	fields.landing = "/bucket";
	assert_int_equal(judge(&fields, &config, &alice, reason), 0);
	fields.landing = "";
	assert_int_equal(judge(&fields, &config, &alice, reason), -1);
	fields.landing = "/";
	assert_int_equal(judge(&fields, &config, &alice, reason), -1);
	config.path_shows_all = true;
	assert_int_equal(judge(&fields, &config, &alice, reason), 0);
}

static void
keys_of_auth_info(void **state)
{
	static const char *const bad[] = {
		"", "\n", "publickey", "publickey ", "publickey ssh-ed25519", "publickey ssh-ed25519 ",
		"publickey  ssh-ed25519 AAAA", "publickey ssh-ed25519 AAAA extra", "publickey ssh-ed25519 AAAA\n\n",
		"publickey ssh-ed25519 AAAA\npassword\n", "publickey ssh-ed25519 AAAA\npublickey ssh-rsa BBBB\n",
		"password\npublickey ssh-ed25519 AAAA\n", "password\n", "keyboard-interactive/pam\n",
		"publickeyssh-ed25519 AAAA", "PUBLICKEY ssh-ed25519 AAAA", "publickey ssh-ed25519\nAAAA",
		"publickey ssh-ed25519-cert-v01@openssh.com AAAA ID alice (serial 0) CA ssh-ed25519 SHA256:x\n",
		"publickey a-type-that-is-longer-than-any-there-is AAAA", " publickey ssh-ed25519 AAAA",
	};
	static char line[KEY_BASE64_MAX + 64];
	struct session_key key;

	(void)state;
	assert_true(session_key_parse(&key, "publickey ssh-ed25519 AAAAC3\n"));
	assert_string_equal(key.type, "ssh-ed25519");
	assert_string_equal(key.base64, "AAAAC3");
	assert_true(session_key_parse(&key, "publickey ssh-rsa AAAA+/=="));
	assert_false(session_key_parse(&key, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (session_key_parse(&key, bad[i]))
			fail_msg("taken for one key: %s", bad[i]);

	memset(line, 'A', sizeof(line));
	memcpy(line, "publickey ssh-rsa ", 18);
	line[18 + KEY_BASE64_MAX] = '\0';
	assert_true(session_key_parse(&key, line));
	assert_int_equal(strlen(key.base64), KEY_BASE64_MAX);
	line[18 + KEY_BASE64_MAX] = 'A';
	line[18 + KEY_BASE64_MAX + 1] = '\0';
	assert_false(session_key_parse(&key, line));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_answer),
		cmocka_unit_test(every_shorter_answer_is_refused),
		cmocka_unit_test(every_changed_byte_is_survived),
		cmocka_unit_test(bad_fields),
		cmocka_unit_test(path_rules),
		cmocka_unit_test(no_id_below_the_floors),
		cmocka_unit_test(the_compiled_floor_holds),
		cmocka_unit_test(the_passwd_entry_must_agree),
		cmocka_unit_test(a_local_account_is_never_a_record),
		cmocka_unit_test(path_without_home_needs_the_configurations_word),
		cmocka_unit_test(keys_of_auth_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
