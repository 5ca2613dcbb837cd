/*
 * What the sources of credentials read: files as botocore reads them, JSON, the token service's XML, URLs; and what they
 * don't.
 */
#include "credentials_world.h"

static struct ini_section section;
static int line;
static char *text; /* of exactly the size that is read, so that the sanitizers see what goes beyond */

static const char *
read_ini(const char *given, size_t length, const char *profile, bool config)
{
	free(text);
	text = malloc(length + 1);
	assert_non_null(text);
	memcpy(text, given, length);
	text[length] = '\0';
	return ini_read(text, length, profile, config, &section, &line);
}

static void
reads(const char *given, const char *profile, bool config)
{
	const char *wrong = read_ini(given, strlen(given), profile, config);

	if (wrong != NULL)
		fail_msg("line %d: %s", line, wrong);
}

static void
has(const char *name, const char *value)
{
	const char *is = ini_value(&section, name);

	assert_true(section.found);
	if (value == NULL)
		assert_null(is);
	else
		assert_non_null(is);
	if (value != NULL)
		assert_string_equal(is, value);
}

static void
refuses(const char *given, int at, const char *words)
{
	const char *wrong = read_ini(given, strlen(given), "a", false);

	assert_non_null(wrong);
	assert_non_null(strstr(wrong, words));
	assert_int_equal(line, at);
}

static void
test_settings(void **state)
{
	(void)state;
	reads("[a]\nx=1\n y = 2 \nz:3\nW\t=\tfour = 4\n[b]\nx=9\n", "a", false);
	has("x", "1 y = 2");
	reads("[a]\nx=1\ny = 2 \nz:3\nW\t=\tfour = 4 # no comment\nempty =\n[b]\nx=9\n", "a", false);
	has("x", "1");
	has("y", "2");
	has("z", "3");
	has("w", "four = 4 # no comment");
	has("empty", NULL);
	has("other", NULL);
	reads("  [a]  \n  x = 1\n  y = 2\n", "a", false);
	has("y", "2");
	reads("[b]\nx=9", "a", false);
	assert_false(section.found);
	reads("", "a", false);
	assert_false(section.found);
}

static void
test_lines(void **state)
{
	(void)state;
	reads("\xef\xbb\xbf[a]\r\nx = 1\r\n\r\n# x = 2\r\n  ; x = 3\r\ny = 2\r\n", "a", false);
	has("x", "1");
	has("y", "2");
	reads("# first\n[a] and more\nx = 1\n\n  2\n\t3\ny = 4", "a", false);
	has("x", "1 2 3");
	has("y", "4");
	reads("[a]\ns3 =\n  x = 5\n  [b]\nx = 1\n", "a", false);
	has("s3", NULL);
	has("x", "1");
}

static void
test_names(void **state)
{
	static const char CONFIG[] = "[a]\nx=0\n[profile a]\nx=1\n[profile \"b c\"]\nx=2\n[profile d e]\nx=3\n"
	    "[default]\nx=4\n[profilea]\nx=5\n[profile\t'f\"g'h]\nx=6\n[sso-session s]\nx=7\n[profile i\\ j]\nx=8\n";

	(void)state;
	reads(CONFIG, "a", true);
	has("x", "1");
	reads(CONFIG, "b c", true);
	has("x", "2");
	reads(CONFIG, "d", true);
	assert_false(section.found);
	reads(CONFIG, "default", true);
	has("x", "4");
	reads(CONFIG, "f\"gh", true);
	has("x", "6");
	reads(CONFIG, "i j", true);
	has("x", "8");
	reads(CONFIG, "s", true);
	assert_false(section.found);
	reads(CONFIG, "profile a", false);
	has("x", "1");
	reads("[default]\nx=1\ny=1\n[profile default]\nx=2\n", "default", true);
	has("x", "2");
	has("y", NULL);
}

static void
test_refused(void **state)
{
	char many[4096] = "[a]\n";
	size_t length = strlen(many);

	(void)state;
	refuses("x=1\n[a]\n", 1, "no [section] above it");
	refuses("[a]\r\nx=1\r\nnothing\r\n", 3, "neither");
	refuses("[a]\rx=1\r=1\r", 3, "neither");
	refuses("[a\nx=1\n", 1, "no [section]");
	refuses("[]\n", 1, "no [section]");
	refuses("[a]\nx=1\n[b]\n[a]\n", 4, "twice");
	refuses("[a]\nx=1\nX = 2\n", 3, "twice");
	for (int i = 0; i <= INI_SETTINGS_MAX; i++)
		length += (size_t)snprintf(many + length, sizeof(many) - length, "n%d=1\n", i);
	refuses(many, INI_SETTINGS_MAX + 2, "too many");
	assert_string_equal(read_ini("[a]\nx=1\0\n", 9, "a", false), "it holds a NUL byte");
}

/* Any bytes have an answer. */
static void
test_any_bytes(void **state)
{
	static const char PIECES[] = "[]a=: \t\n\r#;\"'\\p\xff\xef\xbb\xbf";
	char given[64];

	(void)state;
	srand(1);
	for (int round = 0; round < 200000; round++) {
		size_t length = (size_t)rand() % sizeof(given);

		for (size_t i = 0; i < length; i++)
			given[i] = PIECES[(size_t)rand() % (sizeof(PIECES) - 1)];
		(void)read_ini(given, length, "a", round % 2 == 0);
		for (size_t i = 0; i < section.count; i++)
			assert_true(section.settings[i].value + strlen(section.settings[i].value) <= text + length);
	}
}

/* ---- JSON ---- */

static const char *
take(const char *json, bool version)
{
	char *exact = malloc(strlen(json) + 1);
	const char *wrong;

	assert_non_null(exact);
	memcpy(exact, json, strlen(json)); /* not closed */
	wrong = source_take_json(&credentials, exact, strlen(json), "Token", version);
	free(exact);
	return wrong;
}

#define BOTH "\"AccessKeyId\":\"" ID "\",\"SecretAccessKey\":\"" SECRET "\""

static void
test_json(void **state)
{
	(void)state;
	assert_null(take("{" BOTH "}", false));
	assert_string_equal(credentials.access_key_id, ID);
	assert_string_equal(credentials.secret_access_key, SECRET);
	assert_string_equal(credentials.session_token, "");
	assert_int_equal(credentials.expires, 0);
	assert_null(take("{\"Version\":1," BOTH ",\"Token\":\"" TOKEN "\","
	    "\"Expiration\":\"2030-01-02T03:04:05+01:00\"}", true));
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(credentials.expires, 1893549845);
	assert_null(take("{" BOTH ",\"Expiration\":null,\"Token\":null}", false));
	assert_int_equal(credentials.expires, 0);
}

static void
test_json_refused(void **state)
{
	static const char *const BAD[] = {
		"", "null", "[]", "\"x\"", "{", "{}", "{" BOTH, "{\"AccessKeyId\":\"" ID "\"}",
		"{\"SecretAccessKey\":\"" SECRET "\"}",
		"{\"AccessKeyId\":1,\"SecretAccessKey\":\"x\"}", "{\"AccessKeyId\":\"a b\",\"SecretAccessKey\":\"x\"}",
		"{\"AccessKeyId\":\"a/b\",\"SecretAccessKey\":\"x\"}",
		"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"x\\r\\nEvil: 1\"}",
		"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"\\u00e9\"}", "{" BOTH ",\"Token\":\"x\\ny\"}",
		"{" BOTH ",\"Expiration\":\"soon\"}", "{" BOTH ",\"Expiration\":\"\"}",
		"{" BOTH ",\"Expiration\":1893549845}",
		"{" BOTH ",\"Expiration\":\"2030-02-31T03:04:05Z\"}", "{" BOTH ",\"Expiration\":\"1970-01-01T00:00:00Z\"}",
		"{" BOTH ",\"Expiration\":\"99999-01-01T00:00:00Z\"}", NULL,
	};

	(void)state;
	for (const char *const *bad = BAD; *bad != NULL; bad++)
		if (take(*bad, false) == NULL)
			fail_msg("taken: %s", *bad);
	assert_string_equal(take("{" BOTH "}", true), "its \"Version\" isn't 1");
	assert_string_equal(take("{\"Version\":2," BOTH "}", true), "its \"Version\" isn't 1");
	assert_string_equal(take("{\"Version\":\"1\"," BOTH "}", true), "its \"Version\" isn't 1");
}

static void
test_lengths(void **state)
{
	static char long_text[9000];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 1; i < sizeof(long_text); i++) {
		const char *some = long_text + sizeof(long_text) - 1 - i;

		assert_int_equal(source_take(&credentials, some, "s", NULL, 0) == NULL, i <= 128);
		assert_int_equal(source_take(&credentials, "i", some, NULL, 0) == NULL, i <= 256);
		assert_int_equal(source_take(&credentials, "i", "s", some, 0) == NULL, i <= 7999);
	}
	assert_non_null(source_take(&credentials, "i", "", NULL, 0));
}

/* ---- the token service's answer ---- */

#define ELEMENT(name, value) "<" name ">" value "</" name ">"
#define GIVEN ELEMENT("SessionToken", TOKEN) "\n" ELEMENT("SecretAccessKey", SECRET) \
	ELEMENT("Expiration", "2030-01-02T03:04:05Z") ELEMENT("AccessKeyId", ID)
#define AROUND(x) "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
	"<AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials>" x "</Credentials>" \
	"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void
test_assumed(void **state)
{
	static const char WHOLE[] = AROUND(GIVEN);
	static const char *const BAD[] = {
		"", "<Credentials>", "</Credentials><Credentials>", AROUND(""), AROUND(ELEMENT("AccessKeyId", ID)),
		AROUND(ELEMENT("AccessKeyId", "<b/>") GIVEN),
		AROUND(ELEMENT("AccessKeyId", "a&amp;b") GIVEN), AROUND(ELEMENT("AccessKeyId", "") GIVEN),
		AROUND(ELEMENT("Expiration", "tomorrow") GIVEN), AROUND(ELEMENT("SessionToken", "a\nb") GIVEN),
		"{\"Credentials\":{}}", NULL,
	};

	(void)state;
	assert_null(source_take_assumed(&credentials, WHOLE, sizeof(WHOLE) - 1));
	assert_string_equal(credentials.access_key_id, ID);
	assert_string_equal(credentials.secret_access_key, SECRET);
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(credentials.expires, 1893553445);
	for (const char *const *bad = BAD; *bad != NULL; bad++)
		if (source_take_assumed(&credentials, *bad, strlen(*bad)) == NULL)
			fail_msg("taken: %s", *bad);
	/* Cut anywhere, it isn't whole. */
	for (size_t length = 0; length < (size_t)(strstr(WHOLE, "</Credentials>") - WHOLE); length++)
		assert_non_null(source_take_assumed(&credentials, WHOLE, length));
}

/* ---- URLs ---- */

static void
test_urls(void **state)
{
	static const char *const GOOD[] = {
		"https://example.com/x", "https://10.0.0.1:8443/x", "http://127.0.0.1/x", "http://127.9.9.9:1/x",
		"http://localhost:80/",
		"http://[::1]:8080/x", "http://169.254.170.2/x", "http://169.254.170.23/v1/credentials",
		"http://[fd00:ec2::23]/x",
		"http://169.254.169.254", NULL,
	};
	static const char *const BAD[] = {
		"", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://example.com/", "http://10.0.0.1/",
		"http://169.254.170.3/",
		"http://127.0.0.1@evil.example/", "http://user:x@127.0.0.1/", "http://127.0.0.1.evil.example/",
		"http://[::2]/",
		"http://localhost.evil.example/", "http://128.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y",
		"https://example.com/\xc3\xa9", "http:///x", "http://0.0.0.0/", "http://[::]/",
		"http://[::ffff:10.0.0.1]/", NULL,
	};
	char origin[SOURCE_ORIGIN_MAX];

	(void)state;
	for (const char *const *good = GOOD; *good != NULL; good++)
		if (source_url(*good, origin) != NULL)
			fail_msg("refused: %s: %s", *good, source_url(*good, origin));
	for (const char *const *bad = BAD; *bad != NULL; bad++)
		if (source_url(*bad, origin) == NULL)
			fail_msg("taken: %s", *bad);
	assert_null(source_url("https://example.com:8443/secret?and=more", origin));
	assert_string_equal(origin, "https://example.com:8443");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_assumed),
		cmocka_unit_test(test_urls),
	};
	int failed = cmocka_run_group_tests_name("what the sources of credentials read", tests, world_make, world_remove);

	free(text);
	return failed;
}
