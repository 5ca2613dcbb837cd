/*
 * Signatures: requests made to do harm. As many headers as there may be and one more, texts of a megabyte, and random
 * changes, none of which may ever be taken for the request that was signed.
 */
#include "tests/unit/sigv4_message.h"

#define MUTATIONS 100000

/* A request that signs host, x-amz-date and so many headers more, and has so many that aren't signed. */
static void
with_headers(struct message *message, int extra_signed, int extra_unsigned)
{
	char name[16], list[SIGV4_SIGNED_MAX * 16] = "", lines[SIGV4_SIGNED_MAX * 32] = "", *canonical;
	char signature[2 * SIGV4_HASH + 1];
	int i;

	vector_message(&VECTORS[0], message);
	drop_named(message, "Authorization");
	for (i = 0; i < extra_signed; i++) {
		snprintf(name, sizeof(name), "a%03d", i);
		add(message, name, "v");
		sprintf(list + strlen(list), "%s;", name);
		sprintf(lines + strlen(lines), "%s:v\n", name);
	}
	for (i = 0; i < extra_unsigned; i++)
		add(message, "u", "v");
	strcat(list, "host;x-amz-date");
	assert_true(asprintf(&canonical, "GET\n/\n\n%shost:" VECTOR_HOST "\nx-amz-date:" VECTOR_TIME "\n\n%s", lines,
	    list) > 0);
	sign(canonical, "", signature);
	free(canonical);
	authorize(message, RIGHT_FORM, VECTOR_KEY_ID "/" SCOPE_TEXT, list, signature);
}

static void
limits_of_headers(void **state)
{
	struct message message;

	(void)state;
	with_headers(&message, SIGV4_SIGNED_MAX - 2, 0);
	accepted(&message);
	with_headers(&message, SIGV4_SIGNED_MAX - 1, 0);
	refused(&message, API_INCOMPLETE_SIGNATURE, "'SignedHeaders' may name at most 64 headers");
	with_headers(&message, 0, SIGV4_HEADERS_MAX - 3);
	accepted(&message);
	with_headers(&message, 0, SIGV4_HEADERS_MAX - 2);
	refused(&message, API_INCOMPLETE_SIGNATURE, "at most 256 headers");
}

/* A long text is work in proportion, and no more: these would take minutes if anything here were quadratic. */
static void
long_texts(void **state)
{
	static const struct {
		const char *what, *piece;
		bool same; /* another spelling of what was signed */
	} CASES[] = {
		{ "path", "/a", false }, { "path", "/..", true }, { "path", "/", true }, { "path", "%", false },
		{ "query", "a&", false }, { "query", "aaaa", false }, { "query", "&", true }, { "query", "%41", false },
		{ "Authorization", ",", false }, { "Authorization", " ", false }, { "Authorization", "a=b,", false },
		{ "Authorization", ";", false }, { "Authorization", "/", false }, { "Content-Type", " ", false },
		{ "Content-Type", "a ", false }, { "X-Amz-Date", "2", false },
	};
	enum { SIZE = 1 << 20 };
	struct outcome outcome;
	struct message message;
	char *text = malloc(SIZE + 1);
	size_t i, j;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < LENGTH(CASES); i++) {
		for (j = 0; j < SIZE; j++)
			text[j] = CASES[i].piece[j % strlen(CASES[i].piece)];
		text[SIZE] = '\0';
		describe_user(&message, RIGHT_FORM);
		if (strcmp(CASES[i].what, "path") == 0) {
			release(message.path);
			message.path = copy(text);
		} else if (strcmp(CASES[i].what, "query") == 0) {
			release(message.query);
			message.query = copy(text);
		} else
			set(&message, CASES[i].what, text);
		judge_at(&message, VECTOR_SECONDS, &outcome);
		assert_int_equal(outcome.verify, CASES[i].same ? 0 : -1);
		release_message(&message);
	}
	free(text);
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static char *
mutate_text(const char *text, uint64_t *seed)
{
	static const char BYTES[] = "aZ09=;,:/-_.%&?\t \n\r\x01\x7f\x80\xff$H*";
	size_t length = strlen(text), at = next_random(seed) % (length + 1);
	char byte = BYTES[next_random(seed) % (sizeof(BYTES) - 1)], *made = calloc(length + 2, 1);

	assert_non_null(made);
	strcpy(made, text);
	switch (next_random(seed) % 4) {
	case 0:
		made[at] = byte; /* at the end: one more */
		break;
	case 1:
		memmove(made + at + 1, text + at, length - at + 1);
		made[at] = byte;
		break;
	case 2:
		if (at < length)
			memmove(made + at, text + at + 1, length - at);
		break;
	default:
		made[at] = '\0';
	}
	return made;
}

static void
mutate(struct message *message, uint64_t *seed)
{
	char **const LINE[] = { &message->method, &message->path, &message->query, &message->body };
	size_t kind = next_random(seed) % 24, at = message->count == 0 ? 0 : next_random(seed) % message->count;
	const char **text;
	char *made;

	if (kind < 4) {
		made = mutate_text(*LINE[kind], seed);
		free(*LINE[kind]);
		*LINE[kind] = made;
		return;
	}
	if (message->count == 0)
		return;
	if (kind == 4) {
		drop(message, at);
		return;
	}
	if (kind == 5) {
		add(message, message->headers[at].name, message->headers[at].value);
		return;
	}
	text = kind < 8 ? &message->headers[at].name : &message->headers[at].value;
	made = mutate_text(*text, seed);
	release(*text);
	*text = made;
}

static bool
same_but_spaces(const char *one, const char *other)
{
	static const char SPACES[] = " \t\n\v\f\r";

	for (;;) {
		one += strspn(one, SPACES);
		other += strspn(other, SPACES);
		if (*one != *other)
			return false;
		if (*one == '\0')
			return true;
		one++;
		other++;
	}
}

static bool
same_request(struct message *one, struct message *other)
{
	size_t i, j;

	/* Of the path "/", these are other spellings: "", "//", "/.". Of the query: '&' alone. */
	if (strcmp(one->method, other->method) != 0 || strcmp(one->body, other->body) != 0 ||
	    strspn(one->path, "/.") != strlen(one->path) || strspn(one->query, "&") != strlen(one->query))
		return false;
	for (i = 0; i < other->count; i++) {
		for (j = 0; j < one->count && strcasecmp(one->headers[j].name, other->headers[i].name) != 0; j++)
			;
		if (j == one->count || !same_but_spaces(one->headers[j].value, other->headers[i].value))
			return false;
	}
	return true;
}

static void
random_changes(void **state)
{
	struct message message, right;
	struct outcome outcome;
	uint64_t seed = 0x5157475634, before;
	int i, changes, taken = 0;

	(void)state;
	describe_user(&right, RIGHT_FORM);
	for (i = 0; i < MUTATIONS; i++) {
		before = seed;
		describe_user(&message, RIGHT_FORM);
		for (changes = 1 + (int)(next_random(&seed) % 3); changes > 0; changes--)
			mutate(&message, &seed);
		judge_at(&message, VECTOR_SECONDS, &outcome);
		if (outcome.verify == 0 && !same_request(&message, &right))
			fail_msg("seed %#llx: another request was taken", (unsigned long long)before);
		assert_true(outcome.verify == 0 || outcome.error.code >= API_MISSING_TOKEN);
		taken += outcome.verify == 0;
		release_message(&message);
	}
	assert_true(taken < MUTATIONS / 5);
	release_message(&right);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_of_headers),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
