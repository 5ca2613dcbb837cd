/*
 * Signatures: AWS's published vectors; then a request of our own, with each part of it tampered with, dropped, doubled,
 * reordered and late.
 */
#include "api_server/sigv4_canonical.h"
#include "tests/unit/sigv4_message.h"

#define V4 "AWS4-HMAC-SHA256 "
#define BASIC_FORMAT "must be in ISO-8601 'basic format'"
#define BAD_TOKEN "The security token included in the request is invalid"

static void
vectors_are_canonical(void **state)
{
	unsigned char body_hash[SIGV4_HASH], hash[SIGV4_HASH];
	struct sigv4_authorization authorization;
	struct sigv4_request request;
	struct message message;
	struct api_error error;
	char hex[2 * SIGV4_HASH + 1];
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(VECTORS); i++) {
		vector_message(&VECTORS[i], &message);
		request = request_of(&message);
		assert_int_equal(sigv4_read(&request, &SCOPE, VECTOR_SECONDS, &authorization, &error), 0);
		hash_text(message.body, body_hash);
		assert_int_equal(canonical_hash(&request, &authorization, body_hash, hash, &error), 0);
		hex_of(hash, hex);
		if (strcmp(hex, VECTORS[i].canonical) != 0)
			fail_msg("%s: another canonical request", VECTORS[i].name);
		release_message(&message);
	}
}

static void
vectors_verify(void **state)
{
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(VECTORS); i++) {
		vector_message(&VECTORS[i], &message);
		accepted(&message);
		vector_message(&VECTORS[i], &message);
		free(message.body);
		message.body = copy("Param1=value2");
		refused(&message, API_INVALID_SIGNATURE, "");
	}
	for (i = 0; i < LENGTH(REFUSED_VECTORS); i++) {
		vector_message(&REFUSED_VECTORS[i].vector, &message);
		refused(&message, REFUSED_VECTORS[i].code, REFUSED_VECTORS[i].code == API_UNRECOGNIZED_CLIENT ?
		    BAD_TOKEN : MISMATCH);
	}
}

/* AWS's own example of a derived key. */
static void
signing_keys(void **state)
{
	static const struct sigv4_scope IAM = { "us-east-1", "iam" };
	unsigned char key[SIGV4_HASH];
	struct api_error error;
	char hex[2 * SIGV4_HASH + 1], long_secret[1000];

	(void)state;
	assert_int_equal(sigv4_signing_key(VECTOR_SECRET, "20150830", &IAM, key, &error), 0);
	hex_of(key, hex);
	assert_string_equal(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
	memset(long_secret, 'x', sizeof(long_secret) - 1);
	long_secret[sizeof(long_secret) - 1] = '\0';
	assert_int_equal(sigv4_signing_key(long_secret, "20150830", &IAM, key, &error), -1);
	assert_null(strstr(error.message, "xxx"));
}

/* The Authorization header. */

static void
authorization_forms(void **state)
{
	static const char *const FORMS[] = {
		RIGHT_FORM,
		"AWS4-HMAC-SHA256 Credential=$C,SignedHeaders=$H,Signature=$S",
		"AWS4-HMAC-SHA256 Signature=$S, SignedHeaders=$H, Credential=$C",
		"AWS4-HMAC-SHA256 SignedHeaders=$H,  Credential=$C ,\tSignature=$S",
		"  AWS4-HMAC-SHA256   SignedHeaders=$H,Signature=$S,Credential=$C  ",
	};
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(FORMS); i++) {
		describe_user(&message, FORMS[i]);
		accepted(&message);
	}
}

static const struct refused_form {
	const char *form;
	enum api_code code;
	const char *message;
} REFUSED_FORMS[] = {
	{ "", API_INCOMPLETE_SIGNATURE, "requires the algorithm 'AWS4-HMAC-SHA256'" },
	{ "Basic YWxpY2U6c2VjcmV0", API_INCOMPLETE_SIGNATURE, "requires the algorithm 'AWS4-HMAC-SHA256'" },
	{ "Credential=$C, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "requires the algorithm" },
	{ "AWS4-HMAC-SHA1 Credential=$C,SignedHeaders=$H,Signature=$S", API_INCOMPLETE_SIGNATURE, "requires the algorithm" },
	{ "AWS4-HMAC-SHA256,Credential=$C,SignedHeaders=$H,Signature=$S", API_INCOMPLETE_SIGNATURE, "the algorithm" },
	{ "AWS4-ECDSA-P256-SHA256 Credential=$C, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "requires the algorithm" },
	{ "AWS4-HMAC-SHA256", API_INCOMPLETE_SIGNATURE,
	    "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter. "
	    "Authorization header requires 'Signature' parameter." },
	{ V4 "SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "requires 'Credential' parameter." },
	{ V4 "Credential=$C, Signature=$S", API_INCOMPLETE_SIGNATURE, "requires 'SignedHeaders' parameter." },
	{ V4 "Credential=$C, SignedHeaders=$H", API_INCOMPLETE_SIGNATURE, "requires 'Signature' parameter." },
	{ V4 "Credential=, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "requires 'Credential'" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=", API_INCOMPLETE_SIGNATURE, "requires 'Signature'" },
	{ V4 "Credential=$C, SignedHeaders=, Signature=$S", API_INCOMPLETE_SIGNATURE, "requires 'SignedHeaders'" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=$S, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "more than one 'Signature'" },
	{ V4 "Credential=$C, SignedHeaders=host, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "more than one 'SignedHeaders'" },
	{ V4 "Credential=$C, Credential=$C, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "more than one 'Credential'" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=$S, Expires=60", API_INCOMPLETE_SIGNATURE,
	    "a parameter other than" },
	{ V4 "credential=$C, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "a parameter other than" },
	{ V4 "Credential =$C, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "a parameter other than" },
	{ V4 "Credential=$C SignedHeaders=$H Signature=$S", API_INCOMPLETE_SIGNATURE, "requires 'SignedHeaders'" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=$S,", API_INCOMPLETE_SIGNATURE, "missing equal-sign" },
	{ V4 "Credential=$C,, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE, "missing equal-sign" },
	{ V4 "Credential=$C, SignedHeaders, Signature=$S", API_INCOMPLETE_SIGNATURE, "missing equal-sign" },
	/* The credential. */
	{ V4 "Credential=AKIDEXAMPLE, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "exactly 5 slash-delimited elements" },
	{ V4 "Credential=$C/x, SignedHeaders=$H, Signature=$S", API_INCOMPLETE_SIGNATURE,
	    "exactly 5 slash-delimited elements" },
	{ V4 "Credential=AKIDEXAMPLE/20150830/us-east-1/service, SignedHeaders=$H, Signature=$S",
	    API_INCOMPLETE_SIGNATURE, "exactly 5 slash-delimited elements" },
	{ V4 "Credential=/" SCOPE_TEXT ", SignedHeaders=$H, Signature=$S", API_UNRECOGNIZED_CLIENT,
	    "The security token included in the request is invalid." },
	{ V4 "Credential=AKID-EXAMPLE/" SCOPE_TEXT ", SignedHeaders=$H, Signature=$S", API_UNRECOGNIZED_CLIENT,
	    "The security token included in the request is invalid." },
	{ V4 "Credential= $C, SignedHeaders=$H, Signature=$S", API_UNRECOGNIZED_CLIENT, "is invalid." },
	{ V4 "Credential=A\033[31m/" SCOPE_TEXT ", SignedHeaders=$H, Signature=$S", API_UNRECOGNIZED_CLIENT,
	    "is invalid." },
	{ V4 "Credential=AKIDEXAMPLE/20150830/eu-west-1/service/aws4_request, SignedHeaders=$H, Signature=$S",
	    API_INVALID_SIGNATURE, "Credential should be scoped to a valid region, not 'eu-west-1'." },
	{ V4 "Credential=AKIDEXAMPLE/20150830/US-EAST-1/service/aws4_request, SignedHeaders=$H, Signature=$S",
	    API_INVALID_SIGNATURE, "Credential should be scoped to a valid region, not 'US-EAST-1'." },
	{ V4 "Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=$H, Signature=$S",
	    API_INVALID_SIGNATURE, "Credential should be scoped to correct service: 'service'." },
	{ V4 "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws5_request, SignedHeaders=$H, Signature=$S",
	    API_INVALID_SIGNATURE, "a valid terminator: 'aws4_request', not 'aws5_request'." },
	{ V4 "Credential=AKIDEXAMPLE/20150831/us-east-1/service/aws4_request, SignedHeaders=$H, Signature=$S",
	    API_INVALID_SIGNATURE, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
	    "HTTP: '20150831' != '20150830', from '20150830T123600Z'." },
	{ V4 "Credential=OTHERKEY/" SCOPE_TEXT ", SignedHeaders=$H, Signature=0$S", API_INCOMPLETE_SIGNATURE,
	    "'Signature' must be 64 hexadecimal digits" },
	/* The signed headers. */
#define HEADERS(list) V4 "Credential=$C, SignedHeaders=" list ", Signature=$S", API_INCOMPLETE_SIGNATURE, \
	    "in lower case, sorted, each once"
	{ HEADERS("Content-Type;Host;X-Amz-Date;X-Amz-Target") },
	{ HEADERS("content-type;host;x-amz-date;X-amz-target") },
	{ HEADERS("host;content-type;x-amz-date;x-amz-target") },
	{ HEADERS("content-type;host;host;x-amz-date;x-amz-target") },
	{ HEADERS("content-type;host;x-amz-date;x-amz-target;") },
	{ HEADERS(";content-type;host;x-amz-date;x-amz-target") },
	{ HEADERS("content-type;;host;x-amz-date;x-amz-target") },
	{ HEADERS("content-type; host; x-amz-date; x-amz-target") },
	{ HEADERS("content-type:;host;x-amz-date;x-amz-target") },
	{ HEADERS("content-type\nhost;x-amz-date;x-amz-target") },
	{ HEADERS("\303\244;content-type;host;x-amz-date;x-amz-target") },
#undef HEADERS
#define HEADERS(list, name) V4 "Credential=$C, SignedHeaders=" list ", Signature=$S", API_INVALID_SIGNATURE, \
	    "'" name "' must be a 'SignedHeader' in the AWS Authorization."
	{ HEADERS("content-type;x-amz-date;x-amz-target", "Host") },
	{ HEADERS("host;x-amz-date;x-amz-target", "Content-Type") },
	{ HEADERS("content-type;host;x-amz-target", "X-Amz-Date") },
	{ HEADERS("content-type;host;x-amz-date", "X-Amz-Target") },
	{ HEADERS("content-type;host;x-amz-date;x-amz-target2", "X-Amz-Target") },
	{ HEADERS("content-type;host;x-amz-date;x-amz-targe", "X-Amz-Target") },
#undef HEADERS
	{ V4 "Credential=$C, SignedHeaders=$H;x-amz-user-agent, Signature=$S", API_INVALID_SIGNATURE,
	    "The signed header 'x-amz-user-agent' isn't in the request" },
	{ V4 "Credential=$C, SignedHeaders=accept;$H, Signature=$S", API_INVALID_SIGNATURE,
	    "The signed header 'accept' isn't in the request" },
	{ V4 "Credential=$C, SignedHeaders=authorization;$H, Signature=$S", API_INVALID_SIGNATURE, MISMATCH },
	/* The signature. */
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=$S0", API_INCOMPLETE_SIGNATURE, "64 hexadecimal" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature=x", API_INCOMPLETE_SIGNATURE, "64 hexadecimal" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature="
	    "0000000000000000000000000000000000000000000000000000000000000000", API_INVALID_SIGNATURE, MISMATCH },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature="
	    "ABCDEF0000000000000000000000000000000000000000000000000000000000", API_INCOMPLETE_SIGNATURE, "in lower case" },
	{ V4 "Credential=$C, SignedHeaders=$H, Signature="
	    "g000000000000000000000000000000000000000000000000000000000000000", API_INCOMPLETE_SIGNATURE, "64 hexadecimal" },
};

static void
authorization_refused(void **state)
{
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(REFUSED_FORMS); i++) {
		describe_user(&message, REFUSED_FORMS[i].form);
		refused(&message, REFUSED_FORMS[i].code, REFUSED_FORMS[i].message);
	}
	describe_user(&message, RIGHT_FORM);
	drop_named(&message, "Authorization");
	refused(&message, API_MISSING_TOKEN, "Missing Authentication Token");
	describe_user(&message, V4 "Credential=$C, SignedHeaders=content-type;x-amz-date;x-amz-target, Signature=$S");
	drop_named(&message, "Host");
	refused(&message, API_INVALID_SIGNATURE, "'Host' must be a 'SignedHeader'");
}

/* Every digit of the signature counts. */
static void
signature_digits(void **state)
{
	struct message message;
	char *text, *digit;
	size_t i;

	(void)state;
	for (i = 0; i < (size_t)2 * SIGV4_HASH; i++) {
		describe_user(&message, RIGHT_FORM);
		text = copy(find(&message, "Authorization")->value);
		digit = &text[strlen(text) - 1 - i];
		*digit = *digit == '0' ? '1' : '0';
		set(&message, "Authorization", text);
		free(text);
		refused(&message, API_INVALID_SIGNATURE, MISMATCH);
	}
}

/* Once it is known whom the request claims to be from, it is said, whatever else is wrong. */
static void
key_id_of_refused(void **state)
{
	static const struct {
		const char *form, *key_id;
	} CASES[] = {
		{ "AWS4-HMAC-SHA256 Credential=$C", VECTOR_KEY_ID },
		{ "AWS4-HMAC-SHA256 Credential=$C, Unknown=1", VECTOR_KEY_ID },
		{ "AWS4-HMAC-SHA256 Credential=AKID_2/20150830/x/y/z, SignedHeaders=$H, Signature=$S", "AKID_2" },
		{ "AWS4-HMAC-SHA256 Credential=AKID_2, SignedHeaders=$H, Signature=$S", "" },
		{ "AWS4-HMAC-SHA256 Credential=AKID\n2/" SCOPE_TEXT ", SignedHeaders=$H, Signature=$S", "" },
		{ "Basic Credential=$C", "" },
	};
	struct outcome outcome;
	struct message message;
	char long_id[2 * SIGV4_KEY_ID_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(CASES); i++) {
		describe_user(&message, CASES[i].form);
		judge_at(&message, VECTOR_SECONDS, &outcome);
		assert_int_equal(outcome.read, -1);
		assert_string_equal(outcome.authorization.key_id, CASES[i].key_id);
		release_message(&message);
	}
	for (i = SIGV4_KEY_ID_MAX; i <= SIGV4_KEY_ID_MAX + 1; i++) {
		memset(long_id, 'K', i);
		strcpy(long_id + i, "/" SCOPE_TEXT);
		describe_user(&message, RIGHT_FORM);
		drop_named(&message, "Authorization");
		authorize(&message, RIGHT_FORM, long_id, SIGNED, VECTORS[0].signature);
		judge_at(&message, VECTOR_SECONDS, &outcome);
		assert_int_equal(strlen(outcome.authorization.key_id), i == SIGV4_KEY_ID_MAX ? i : 0);
		release_message(&message);
	}
}

/* The other headers. */

enum change { SET, DROP, ADD };

static const struct changed_header {
	enum change change;
	const char *name, *value;
	enum api_code code;
	const char *message; /* NULL: it is taken */
} CHANGED_HEADERS[] = {
	/* Tampered with. */
	{ SET, "X-Amz-Target", "TransferService.DeleteUser", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "X-Amz-Target", "transferservice.describeuser", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "X-Amz-Target", "", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "Host", "127.0.0.1", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "Host", "127.0.0.1:8444", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "Content-Type", "application/x-amz-json-1.1", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "Content-Type", "application/x-amz-json-1.1;charset=utf-8", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "X-Amz-Date", "20150830T123601Z", API_INVALID_SIGNATURE, MISMATCH },
	{ SET, "X-Amz-Date", "20150831T000000Z", API_INVALID_SIGNATURE, "Date in Credential scope does not match" },
	/* White space around a value, and how much of it within, isn't signed. */
	{ SET, "Content-Type", " \tapplication/x-amz-json-1.1; \t charset=utf-8 ", API_OK, NULL },
	{ SET, "X-Amz-Date", " 20150830T123600Z ", API_OK, NULL },
	{ SET, "X-Amz-Target", "TransferService. DescribeUser", API_INVALID_SIGNATURE, MISMATCH },
	/* Dropped. */
	{ DROP, "Host", NULL, API_INVALID_SIGNATURE, "The signed header 'host' isn't in the request" },
	{ DROP, "Content-Type", NULL, API_INVALID_SIGNATURE, "The signed header 'content-type' isn't in the request" },
	{ DROP, "X-Amz-Target", NULL, API_INVALID_SIGNATURE, "The signed header 'x-amz-target' isn't in the request" },
	{ DROP, "X-Amz-Date", NULL, API_INCOMPLETE_SIGNATURE,
	    "Authorization header requires existence of a 'X-Amz-Date' header." },
	/* Twice. */
	{ ADD, "Authorization", "AWS4-HMAC-SHA256 x", API_INCOMPLETE_SIGNATURE, "'Authorization' may stand only once" },
	{ ADD, "host", "127.0.0.1:8443", API_INCOMPLETE_SIGNATURE, "'Host' may stand only once" },
	{ ADD, "content-type", TYPE, API_INCOMPLETE_SIGNATURE, "'Content-Type' may stand only once" },
	{ ADD, "X-AMZ-DATE", VECTOR_TIME, API_INCOMPLETE_SIGNATURE, "'X-Amz-Date' may stand only once" },
	{ ADD, "x-amz-target", "TransferService.DeleteUser", API_INCOMPLETE_SIGNATURE, "'X-Amz-Target' may stand only" },
	/* Added, unsigned. */
	{ ADD, "User-Agent", "Boto3/1.26", API_OK, NULL },
	{ ADD, "X-Amzn-Trace-Id", "Root=1", API_OK, NULL },
	{ ADD, "Date", "Sun, 30 Aug 2015 12:36:00 GMT", API_OK, NULL },
	{ ADD, "X-Amz", "1", API_OK, NULL },
	{ ADD, "X-Amz-User-Agent", "aws-sdk-js", API_INVALID_SIGNATURE, "'X-Amz-User-Agent' must be a 'SignedHeader'" },
	{ ADD, "x-aMZ-", "", API_INVALID_SIGNATURE, "'x-aMZ-' must be a 'SignedHeader'" },
	{ ADD, "x-amz-target ", "", API_INVALID_SIGNATURE, "'x-amz-target ' must be a 'SignedHeader'" },
	{ ADD, "X-Amz-Security-Token", "abc", API_UNRECOGNIZED_CLIENT, BAD_TOKEN },
	{ ADD, "X-Amz-Security-Token", "", API_UNRECOGNIZED_CLIENT, BAD_TOKEN },
	/* Times that are none. */
	{ SET, "X-Amz-Date", "", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "2015-08-30T12:36:00Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T123600", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T123600z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T123600ZZ", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830 123600Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T12360 Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T1236+0Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T123660Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150830T243600Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20150631T123600Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "20151330T123600Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "-0010830T123600Z", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
	{ SET, "X-Amz-Date", "Sun, 30 Aug 2015 12:36:00 GMT", API_INCOMPLETE_SIGNATURE, BASIC_FORMAT },
};

static void
headers_changed(void **state)
{
	const struct changed_header *changed;
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(CHANGED_HEADERS); i++) {
		changed = &CHANGED_HEADERS[i];
		describe_user(&message, RIGHT_FORM);
		if (changed->change == SET)
			set(&message, changed->name, changed->value);
		else if (changed->change == DROP)
			drop_named(&message, changed->name);
		else
			add(&message, changed->name, changed->value);
		if (changed->message == NULL)
			accepted(&message);
		else
			refused(&message, changed->code, changed->message);
	}
}

/* The order in which headers of different names came isn't signed; that of one name's values is. */
static void
headers_reordered(void **state)
{
	char signature[2 * SIGV4_HASH + 1];
	struct sigv4_header kept;
	struct message message;
	size_t i;

	(void)state;
	describe_user(&message, RIGHT_FORM);
	for (i = 0; i < message.count / 2; i++) {
		kept = message.headers[i];
		message.headers[i] = message.headers[message.count - 1 - i];
		message.headers[message.count - 1 - i] = kept;
	}
	accepted(&message);

	vector_message(&VECTORS[0], &message);
	drop_named(&message, "Authorization");
	sign("GET\n/\n\nhost:" VECTOR_HOST "\nx-a:1,2\nx-amz-date:" VECTOR_TIME "\n\nhost;x-a;x-amz-date", "", signature);
	authorize(&message, RIGHT_FORM, VECTOR_KEY_ID "/" SCOPE_TEXT, "host;x-a;x-amz-date", signature);
	add(&message, "X-A", "2");
	add(&message, "x-a", "1");
	refused(&message, API_INVALID_SIGNATURE, MISMATCH);
}

/* A line end in a value, should one ever get here, is no line end of the canonical request. */
static void
a_value_is_one_line(void **state)
{
	struct message message;

	(void)state;
	describe_user(&message, RIGHT_FORM);
	drop_named(&message, "X-Amz-Date");
	set(&message, "Host", "127.0.0.1:8443\nx-amz-date:" VECTOR_TIME);
	add(&message, "X-Amz-Date", VECTOR_TIME);
	refused(&message, API_INVALID_SIGNATURE, MISMATCH);
}

static void
request_line_and_body(void **state)
{
	static const struct {
		const char *method, *path, *query, *body;
	} CASES[] = {
		{ "GET", "/", "", BODY }, { "post", "/", "", BODY }, { "POST", "/a", "", BODY },
		{ "POST", "/%2e", "", BODY }, { "POST", "/", "a", BODY }, { "POST", "/", "a=b", BODY },
		{ "POST", "/", "", "" }, { "POST", "/", "", BODY " " },
		{ "POST", "/", "", "{\"ServerId\":\"s-0123456789abcdef0\",\"UserName\":\"bob\"}" },
	};
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(CASES); i++) {
		describe_user(&message, RIGHT_FORM);
		release(message.method);
		release(message.path);
		release(message.query);
		release(message.body);
		message.method = copy(CASES[i].method);
		message.path = copy(CASES[i].path);
		message.query = copy(CASES[i].query);
		message.body = copy(CASES[i].body);
		refused(&message, API_INVALID_SIGNATURE, MISMATCH);
	}
}

static void
signatures_in_the_query(void **state)
{
	static const char *const QUERIES[] = {
		"X-Amz-Signature=00", "a=b&X-Amz-Algorithm=AWS4-HMAC-SHA256&c", "x-amz-credential", "X%2DAmz-Signature=1",
		"&&%58-amz-Date=x",
	};
	struct message message;
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(QUERIES); i++) {
		describe_user(&message, RIGHT_FORM);
		release(message.query);
		message.query = copy(QUERIES[i]);
		refused(&message, API_INCOMPLETE_SIGNATURE, "no parameter of a signature (X-Amz-");
		describe_user(&message, RIGHT_FORM);
		release(message.query);
		message.query = copy(QUERIES[i]);
		drop_named(&message, "Authorization");
		refused(&message, API_MISSING_TOKEN, "a signature in a query (X-Amz-");
	}
}

/* A request for this path and query must be canonically these two lines. */
static void
canonical_as(const char *path, const char *query, const char *canonical_path, const char *canonical_query)
{
	const struct vector *plain = &VECTORS[0];
	struct message message;
	char signature[2 * SIGV4_HASH + 1], canonical[512];

	vector_message(plain, &message);
	release(message.path);
	release(message.query);
	message.path = copy(path);
	message.query = copy(query);
	drop_named(&message, "Authorization");
	snprintf(canonical, sizeof(canonical), "GET\n%s\n%s\nhost:" VECTOR_HOST "\nx-amz-date:" VECTOR_TIME "\n\n%s",
	    canonical_path, canonical_query, plain->signed_headers);
	sign(canonical, "", signature);
	authorize(&message, RIGHT_FORM, VECTOR_KEY_ID "/" SCOPE_TEXT, plain->signed_headers, signature);
	accepted(&message);
}

static void
queries(void **state)
{
	static const struct {
		const char *query, *canonical;
	} CASES[] = {
		{ "", "" }, { "a", "a=" }, { "a=", "a=" }, { "a=b=c", "a=b%3Dc" }, { "b&a", "a=&b=" }, { "&&a=1&", "a=1" },
		{ "a=%7e%41", "a=~A" }, { "a=%e1%88%b4", "a=%E1%88%B4" }, { "a=+ ", "a=%2B%20" },
		{ "a=%zz%4", "a=%25zz%254" }, { "=x", "=x" }, { "a=%00", "a=%00" },
		{ "B=1&a=2&A=3", "A=3&B=1&a=2" }, { "a=10&a=1&a=9", "a=1&a=10&a=9" },
		{ "x-amz", "x-amz=" }, { "a=X-Amz-Signature", "a=X-Amz-Signature" }, { "a=b/c", "a=b%2Fc" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(CASES); i++)
		canonical_as("/", CASES[i].query, "/", CASES[i].canonical);
}

static void
paths(void **state)
{
	static const struct {
		const char *path, *canonical;
	} CASES[] = {
		{ "", "/" }, { "/", "/" }, { "///", "/" }, { "/..", "/" }, { "/../../a", "/a" }, { "/a/../b/", "/b/" },
		{ "/a/..", "/" }, { "/a/b/..", "/a" }, { "/a/.", "/a" }, { "/a/./", "/a/" }, { "/...", "/..." },
		{ "a", "/a" }, { "*", "/%2A" },
		{ "/%20", "/%2520" }, { "/a%2F..", "/a%252F.." }, { "/a:b@c", "/a%3Ab%40c" }, { "/.a/..b", "/.a/..b" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(CASES); i++)
		canonical_as(CASES[i].path, "", CASES[i].canonical, "");
}

static void
clock_skew(void **state)
{
	struct message message;
	struct outcome outcome;
	int late;

	(void)state;
	for (late = -SIGV4_SKEW_SECONDS; late <= SIGV4_SKEW_SECONDS; late += SIGV4_SKEW_SECONDS) {
		describe_user(&message, RIGHT_FORM);
		judge_at(&message, VECTOR_SECONDS + late, &outcome);
		assert_int_equal(outcome.verify, 0);
		assert_string_equal(outcome.authorization.time, VECTOR_TIME);
		assert_string_equal(outcome.authorization.date, "20150830");
		release_message(&message);
	}
	describe_user(&message, RIGHT_FORM);
	refused_at(&message, VECTOR_SECONDS + 901, API_INVALID_SIGNATURE,
	    "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)");
	describe_user(&message, RIGHT_FORM);
	refused_at(&message, VECTOR_SECONDS - 901, API_INVALID_SIGNATURE,
	    "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)");
	describe_user(&message, RIGHT_FORM);
	refused_at(&message, 0, API_INVALID_SIGNATURE, "Signature not yet current: 20150830T123600Z");
	describe_user(&message, RIGHT_FORM);
	refused_at(&message, VECTOR_SECONDS + 100000000, API_INVALID_SIGNATURE, "Signature expired: 20150830T123600Z");
}

/* A request with X-Amz-Content-Sha256, signed as it stands. */
static void
with_payload_hash(struct message *message, const char *value)
{
	char signature[2 * SIGV4_HASH + 1], *canonical;

	vector_message(&VECTORS[0], message);
	drop_named(message, "Authorization");
	add(message, "X-Amz-Content-SHA256", value);
	assert_true(asprintf(&canonical, "GET\n/\n\nhost:" VECTOR_HOST "\nx-amz-content-sha256:%s\nx-amz-date:" VECTOR_TIME
	    "\n\nhost;x-amz-content-sha256;x-amz-date", value) > 0);
	sign(canonical, "", signature);
	free(canonical);
	authorize(message, RIGHT_FORM, VECTOR_KEY_ID "/" SCOPE_TEXT, "host;x-amz-content-sha256;x-amz-date", signature);
}

static void
payload_hashes(void **state)
{
	static const char EMPTY[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	static const char *const UNTAKEN[] = {
		"", "required", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
	};
	struct outcome outcome;
	struct message message;
	size_t i;

	(void)state;
	with_payload_hash(&message, EMPTY);
	accepted(&message);
	with_payload_hash(&message, EMPTY);
	add(&message, "x-amz-content-sha256", EMPTY);
	refused(&message, API_INCOMPLETE_SIGNATURE, "'X-Amz-Content-Sha256' may stand only once");
	with_payload_hash(&message, VECTORS[0].canonical);
	refused(&message, API_INVALID_SIGNATURE, "'x-amz-content-sha256' header does not match what was computed.");
	for (i = 0; i < LENGTH(UNTAKEN); i++) {
		with_payload_hash(&message, UNTAKEN[i]);
		judge_at(&message, VECTOR_SECONDS, &outcome);
		assert_int_equal(outcome.read, -1);
		refused(&message, API_INVALID_SIGNATURE, "a payload that is unsigned (UNSIGNED-PAYLOAD)");
	}
}

/* Nothing that is computed with the secret is ever told. */
static void
nothing_computed_is_told(void **state)
{
	struct outcome outcome;
	struct message message;
	char *right_header, *right;

	(void)state;
	describe_user(&message, RIGHT_FORM);
	right_header = copy(find(&message, "Authorization")->value);
	right = strstr(right_header, "Signature=") + strlen("Signature=");
	set(&message, "Authorization", "AWS4-HMAC-SHA256 Credential=" VECTOR_KEY_ID "/" SCOPE_TEXT ", SignedHeaders=" SIGNED
	    ", Signature=0000000000000000000000000000000000000000000000000000000000000000");
	judge_at(&message, VECTOR_SECONDS, &outcome);
	assert_int_equal(outcome.verify, -1);
	assert_null(strstr(outcome.error.message, right));
	assert_null(strstr(outcome.error.message, "content-type:"));
	assert_null(strstr(outcome.error.message, VECTOR_SECRET));
	free(right_header);
	release_message(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_canonical),
		cmocka_unit_test(vectors_verify),
		cmocka_unit_test(signing_keys),
		cmocka_unit_test(authorization_forms),
		cmocka_unit_test(authorization_refused),
		cmocka_unit_test(signature_digits),
		cmocka_unit_test(key_id_of_refused),
		cmocka_unit_test(headers_changed),
		cmocka_unit_test(headers_reordered),
		cmocka_unit_test(a_value_is_one_line),
		cmocka_unit_test(request_line_and_body),
		cmocka_unit_test(signatures_in_the_query),
		cmocka_unit_test(queries),
		cmocka_unit_test(paths),
		cmocka_unit_test(clock_skew),
		cmocka_unit_test(payload_hashes),
		cmocka_unit_test(nothing_computed_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
