/*
 * The sources of credentials that are asked over HTTP: what they send, what they take, and what they make of an endpoint
 * that errs, lies or hangs. The endpoint is a thread that gives the answers of a script.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "credentials_world.h"

#define JSON(id) "{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"" SECRET "\"," \
	"\"Token\":\"" TOKEN "\",\"Expiration\":\"2099-01-02T03:04:05Z\"}"
#define ROLES "/latest/meta-data/iam/security-credentials/"

/* An answer: to a request that begins like this, and has this in its head or body. */
struct step {
	const char *request, *with;
	const char *status; /* NULL: none at all, until the test is over */
	const char *body;
};

static struct {
	int listener, port;
	pthread_t thread;
	pthread_mutex_t lock;
	const struct step *steps;
	int asked;             /* requests so far */
	time_t first;          /* when the first of them came */
	char last[16384];      /* the last one */
} endpoint = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t
read_request(int peer, char *text, size_t size)
{
	size_t length = 0, body = 0;
	ssize_t count;
	const char *end, *header;

	text[0] = '\0';
	while ((end = strstr(text, "\r\n\r\n")) == NULL || strlen(end + 4) < body) {
		if (length + 1 >= size || (count = read(peer, text + length, size - length - 1)) <= 0)
			break;
		length += (size_t)count;
		text[length] = '\0';
		header = strstr(text, "Content-Length: ");
		body = header == NULL ? 0 : strtoul(header + 16, NULL, 10);
	}
	return length;
}

static void
answer(int peer, const char *request)
{
	char head[512];

	for (const struct step *step = endpoint.steps; step->request != NULL; step++) {
		if (strncmp(request, step->request, strlen(step->request)) != 0 ||
		    (step->with != NULL && strstr(request, step->with) == NULL))
			continue;
		if (step->status == NULL) {
			while (read(peer, head, sizeof(head)) > 0)
				; /* until the client gives up */
			return;
		}
		snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", step->status,
		    strlen(step->body));
		(void)whole_write(peer, head, strlen(head));
		(void)whole_write(peer, step->body, strlen(step->body));
		return;
	}
	(void)whole_write(peer, "HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 58);
}

static void *
serve(void *context)
{
	static char request[16384];
	int peer;

	while ((peer = accept4(endpoint.listener, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		if (read_request(peer, request, sizeof(request)) > 0) {
			pthread_mutex_lock(&endpoint.lock);
			if (endpoint.asked++ == 0)
				endpoint.first = time(NULL);
			strcpy(endpoint.last, request);
			answer(peer, request);
			pthread_mutex_unlock(&endpoint.lock);
		}
		close(peer);
	}
	return context;
}

static int
start(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	(void)state;
	endpoint.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (endpoint.listener == -1 || bind(endpoint.listener, (struct sockaddr *)&address, size) == -1 ||
	    listen(endpoint.listener, 16) == -1 || getsockname(endpoint.listener, (struct sockaddr *)&address, &size) == -1)
		return -1;
	endpoint.port = ntohs(address.sin_port);
	return pthread_create(&endpoint.thread, NULL, serve, NULL);
}

static int
stop(void **state)
{
	(void)state;
	shutdown(endpoint.listener, SHUT_RDWR);
	pthread_join(endpoint.thread, NULL);
	return close(endpoint.listener);
}

static void
script(const struct step *steps)
{
	pthread_mutex_lock(&endpoint.lock);
	endpoint.steps = steps;
	endpoint.asked = 0;
	pthread_mutex_unlock(&endpoint.lock);
}

/* asked: how often, once it has answered. */
static int
asked(void)
{
	int count;

	pthread_mutex_lock(&endpoint.lock);
	count = endpoint.asked;
	pthread_mutex_unlock(&endpoint.lock);
	return count;
}

/* The variable is this path of the endpoint. */
static void
set_url(const char *variable, const char *path)
{
	char url[512];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", endpoint.port, path);
	setenv(variable, url, 1);
}

/* One request asked for these is answered so. */
static void
fails_when(const char *request, const char *status, const char *body, const char *words)
{
	const struct step steps[] = { { request, NULL, status, body }, { 0 } };

	script(steps);
	fails(words);
	(void)asked(); /* the script is needed until then */
}

/* ---- container ---- */

#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"

static void
test_container(void **state)
{
	static const struct step STEPS[] = { { "GET /secret/path?x=y HTTP", NULL, "200 OK", JSON(ID) }, { 0 } };

	(void)state;
	script(STEPS);
	set_url(FULL, "/secret/path?x=y");
	/* No proxy is asked within this host. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	found(ID);
	unsetenv("http_proxy");
	assert_string_equal(credentials.secret_access_key, SECRET);
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(credentials.expires, 4071006245);
	assert_int_equal(asked(), 1);
	assert_null(strcasestr(endpoint.last, "Authorization"));
}

/* The token's file is read each time. */
static void
test_container_token(void **state)
{
	static const struct step STEPS[] = {
		{ "GET /c ", "\r\nAuthorization: Bearer one\r\n", "200 OK", JSON("FROM-VARIABLE") },
		{ "GET /c ", "\r\nAuthorization: two\r\n", "200 OK", JSON("FROM-FILE") },
		{ "GET /c ", "\r\nAuthorization: three\r\n", "200 OK", JSON("FROM-NEW-FILE") },
		{ 0 },
	};
	struct credential_chain *chain;

	(void)state;
	script(STEPS);
	set_url(FULL, "/c");
	fails("container: http://127.0.0.1:");
	says(error.message, ": status 400");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer one", 1);
	found("FROM-VARIABLE");
	write_file(in_home("token"), 0600, "two\n");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", in_home("token"), 1);
	chain = new_chain(NULL, NULL);
	chain_found(chain, "FROM-FILE");
	write_file(in_home("token"), 0600, "three");
	credential_chain_rejected(chain, &credentials);
	chain_found(chain, "FROM-NEW-FILE");
	credential_chain_free(chain);
	write_file(in_home("token"), 0600, "two\r\nEvil: 1");
	fails("/token: it isn't one token");
	write_file(in_home("token"), 0600, " \n");
	fails("/token: it is empty");
	unlink(in_home("token"));
	fails("/token: No such file or directory");
	unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x\r\nEvil: 1", 1);
	fails("container: AWS_CONTAINER_AUTHORIZATION_TOKEN isn't a token");
	assert_null(strstr(endpoint.last, "Evil"));
}

static void
test_container_refused(void **state)
{
	char *huge = malloc(100000);

	(void)state;
	assert_non_null(huge);
	setenv(FULL, "http://example.com/x", 1);
	fails("container: " FULL ": http:// is for addresses of this host alone; https:// is needed");
	setenv(FULL, "gopher://127.0.0.1/x", 1);
	fails("container: " FULL ": it isn't an https:// URL");
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/", 1);
	fails("container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with \"/\"");
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a b", 1);
	fails("container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: it isn't a URL");
	unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	set_url(FULL, "/secret");
	fails_when("GET", "404 No", "{\"code\":\"Gone\",\"message\":\"no \\u001b[31mrole\"}",
	    ": status 404, Gone: no ?[31mrole");
	assert_null(strstr(error.message, "/secret"));
	assert_int_equal(asked(), 1);
	fails_when("GET", "302 Go", "", ": status 302");
	fails_when("GET", "200 OK", "{\"AccessKeyId\":\"" ID "\",\"Token\":\"" TOKEN "\"}",
	    ": the answer: it has no \"SecretAccessKey\"");
	fails_when("GET", "200 OK", "<html>" SECRET, ": the answer: it isn't a JSON object");
	memset(huge, ' ', 99999);
	huge[99999] = '\0';
	fails_when("GET", "200 OK", huge, ": the answer is longer than 65536 bytes");
	assert_null(strstr(error.message, "/secret"));
	free(huge);
}

static void
test_container_tries(void **state)
{
	static const struct step HANGS[] = { { "GET", NULL, NULL, NULL }, { 0 } };
	struct credential_chain *chain;
	int64_t began;

	(void)state;
	set_url(FULL, "/secret");
	fails_when("GET", "503 Later", "", ": status 503");
	assert_int_equal(asked(), 3);
	script(HANGS);
	chain = new_chain(NULL, NULL);
	began = deadline_now();
	assert_int_equal(credential_chain_get(chain, deadline_after(200), &credentials, &error), -1);
	says(error.message, "container: no answer in time");
	credential_chain_free(chain);
	assert_in_range(deadline_now() - began, 200, 15000);
	setenv(FULL, "http://127.0.0.1:1/secret", 1);
	fails("container: http://127.0.0.1:1: ");
	assert_null(strstr(error.message, "/secret"));
}

/* ---- web identity ---- */

#define ASSUMED(id) "<R><Credentials><AccessKeyId>" id "</AccessKeyId><SecretAccessKey>" SECRET "</SecretAccessKey>" \
	"<SessionToken>" TOKEN "</SessionToken><Expiration>2099-01-02T03:04:05Z</Expiration></Credentials></R>"
#define FORM "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr" \
	"&RoleSessionName="

static void
test_web_identity(void **state)
{
	static const struct step STEPS[] = {
		{ "POST / ", FORM "my.session%40host&WebIdentityToken=eyJ.a-b_c%2B%2F%3D%26", "200 OK", ASSUMED("ONE") },
		{ "POST / ", FORM "berth-", "200 OK", ASSUMED("TWO") },
		{ 0 },
	};

	(void)state;
	script(STEPS);
	set_url("AWS_ENDPOINT_URL_STS", "");
	setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", in_home("token"), 1);
	write_file(in_home("token"), 0600, "eyJ.a-b_c+/=&");
	fails("web identity: AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN isn't");
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	setenv("AWS_ROLE_SESSION_NAME", "my.session@host", 1);
	found("ONE");
	assert_string_equal(credentials.secret_access_key, SECRET);
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(credentials.expires, 4071006245);
	assert_non_null(strstr(endpoint.last, "\r\nContent-Type: application/x-www-form-urlencoded"));
	assert_null(strcasestr(endpoint.last, "Authorization"));
	unsetenv("AWS_ROLE_SESSION_NAME");
	write_file(in_home("token"), 0600, "another\n");
	found("TWO");
	assert_non_null(strstr(endpoint.last, "&WebIdentityToken=another"));
	unlink(in_home("token"));
	fails("/token: No such file or directory");
}

static void
test_web_identity_of_profile(void **state)
{
	static const struct step STEPS[] = { { "POST / ", FORM "s&WebIdentityToken=tok", "200 OK", ASSUMED(ID) }, { 0 } };

	(void)state;
	script(STEPS);
	set_url("AWS_ENDPOINT_URL", "/");
	write_file(in_home("token"), 0600, "tok\n");
	write_config("[default]\nrole_arn = arn:aws:iam::1:role/r\n"
	    "web_identity_token_file = ~/token\nrole_session_name = s\n");
	found(ID);
	assert_string_equal(credentials.session_token, TOKEN);
}

static void
test_web_identity_refused(void **state)
{
	struct credential_chain *chain;
	const struct credential_options nowhere = { .region = "evil.example/" };

	(void)state;
	set_url("AWS_ENDPOINT_URL_STS", "");
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", in_home("token"), 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	write_file(in_home("token"), 0600, "tok");
	fails_when("POST", "400 No", "<E><Error><Code>ExpiredToken</Code><Message>it is old</Message></Error></E>",
	    ": ExpiredToken: it is old");
	assert_int_equal(asked(), 1);
	fails_when("POST", "403 No", "nothing", ": status 403");
	fails_when("POST", "500 No", "nothing", ": status 500");
	assert_int_equal(asked(), 2);
	fails_when("POST", "200 OK", "<R><Credentials><AccessKeyId>" ID "</AccessKeyId></Credentials></R>",
	    ": the answer: it isn't whole");
	fails_when("POST", "200 OK", JSON(ID), ": the answer: it has no <Credentials>");
	setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.com", 1);
	fails("web identity: the token service's URL: http:// is for addresses of this host alone");
	unsetenv("AWS_ENDPOINT_URL_STS");
	chain = credential_chain_new(&nowhere);
	chain_fails(chain, "web identity: the token service's URL: there is no region");
	credential_chain_free(chain);
}

/* ---- the instance's metadata ---- */

static void
use_metadata(void)
{
	unsetenv("AWS_EC2_METADATA_DISABLED");
	set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
}

static void
test_metadata(void **state)
{
	static const struct step STEPS[] = {
		{ "PUT /latest/api/token ", "\r\nX-aws-ec2-metadata-token-ttl-seconds: ", "200 OK", "tok==" },
		{ "GET " ROLES " ", "\r\nX-aws-ec2-metadata-token: tok==\r\n", "200 OK", "my-role+=,.@_x\nanother" },
		{ "GET " ROLES "my-role+=,.@_x ", "\r\nX-aws-ec2-metadata-token: tok==\r\n", "200 OK", JSON(ID) },
		{ 0 },
	};

	(void)state;
	script(STEPS);
	use_metadata();
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	found(ID);
	unsetenv("http_proxy");
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(asked(), 3);
	setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1);
	fails("instance metadata: AWS_EC2_METADATA_DISABLED is set");
	assert_int_equal(asked(), 3);
}

/* Renewed before they expire, all of it anew: the token, and the role, which may be another by then. */
static void
test_metadata_renewed(void **state)
{
	char soon[512];
	const struct step first[] = {
		{ "PUT", NULL, "200 OK", "token-1" }, { "GET " ROLES " ", "token-1\r\n", "200 OK", "one" },
		{ "GET " ROLES "one ", "token-1\r\n", "200 OK", soon }, { 0 },
	};
	static const struct step SECOND[] = {
		{ "PUT", NULL, "200 OK", "token-2" }, { "GET " ROLES " ", "token-2\r\n", "200 OK", "two" },
		{ "GET " ROLES "two ", "token-2\r\n", "200 OK", JSON("TWO") }, { 0 },
	};
	struct credential_chain *chain = new_chain(NULL, NULL);
	int64_t expires;

	(void)state;
	use_metadata();
	snprintf(soon, sizeof(soon), "{\"AccessKeyId\":\"ONE\",\"SecretAccessKey\":\"x\",\"Expiration\":\"%s\"}",
	    time_in(3600));
	script(first);
	chain_found(chain, "ONE");
	expires = credentials.expires;
	script(SECOND);
	skipped += 3600 - 200;
	while (strcmp(credentials.access_key_id, "TWO") != 0) {
		assert_int_equal(credential_chain_get(chain, deadline_after(PATIENCE_MS), &credentials, &error), 0);
		usleep(5000);
	}
	assert_int_equal(asked(), 3);
	assert_true(endpoint.first < expires);
	credential_chain_free(chain);
}

#define GIVES_TOKEN { "PUT /latest/api/token ", NULL, "200 OK", "tok" }

static void
fails_at_role(const char *status, const char *role, const char *words)
{
	const struct step steps[] = {
		GIVES_TOKEN, { "GET " ROLES " ", NULL, status, role }, { "GET", NULL, "200 OK", JSON(ID) }, { 0 },
	};

	script(steps);
	fails(words);
	assert_int_equal(asked(), 2);
}

static void
test_metadata_refused(void **state)
{
	static const struct step BAD_KEYS[] = {
		GIVES_TOKEN, { "GET " ROLES " ", NULL, "200 OK", "r" },
		{ "GET " ROLES "r ", NULL, "200 OK", "{\"Code\":\"Failed\"}" }, { 0 },
	};
	static const struct step VERSION_1[] = {
		{ "PUT", NULL, "403 No", "" }, { "GET " ROLES " ", NULL, "200 OK", "r" },
		{ "GET", NULL, "200 OK", JSON(ID) }, { 0 },
	};
	char token[2048] = { 0 };

	(void)state;
	use_metadata();
	fails_when("PUT", "200 OK", "", "instance metadata: http://127.0.0.1:");
	says(error.message, ": what it gave isn't a token");
	fails_when("PUT", "200 OK", "a\r\nEvil: 1", ": what it gave isn't a token");
	memset(token, 'x', sizeof(token) - 1);
	fails_when("PUT", "200 OK", token, ": what it gave isn't a token");
	fails_at_role("200 OK", "", ": what it gave isn't a role's name");
	fails_at_role("200 OK", "../../user-data", ": what it gave isn't a role's name");
	fails_at_role("200 OK", "..", ": what it gave isn't a role's name");
	fails_at_role("200 OK", "r?x=y", ": what it gave isn't a role's name");
	fails_at_role("200 OK", "r HTTP/1.1\r\n", ": what it gave isn't a role's name");
	fails_at_role("200 OK", token, ": what it gave isn't a role's name");
	fails_at_role("404 No", "", ": the instance has no role");
	fails_at_role("401 No", "", ": status 401");
	script(BAD_KEYS);
	fails("role r: it has no \"AccessKeyId\"");
	script(VERSION_1);
	fails("instance metadata: http://127.0.0.1:");
	says(error.message, ": status 403");
	assert_int_equal(asked(), 1);
}

/* A host that is no instance isn't held up for long. */
static void
test_metadata_silent(void **state)
{
	static const struct step HANGS[] = { { "PUT", NULL, NULL, NULL }, { 0 } };
	int64_t began = deadline_now();

	(void)state;
	use_metadata();
	script(HANGS);
	fails("instance metadata: http://127.0.0.1:");
	assert_in_range(deadline_now() - began, 500, 8000);
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.com", 1);
	fails("instance metadata: AWS_EC2_METADATA_SERVICE_ENDPOINT: http:// is for addresses of this host alone");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_remove)
	const struct CMUnitTest tests[] = {
		TEST(test_container),
		TEST(test_container_token),
		TEST(test_container_refused),
		TEST(test_container_tries),
		TEST(test_web_identity),
		TEST(test_web_identity_of_profile),
		TEST(test_web_identity_refused),
		TEST(test_metadata),
		TEST(test_metadata_renewed),
		TEST(test_metadata_refused),
		TEST(test_metadata_silent),
	};

	return cmocka_run_group_tests_name("credentials over HTTP", tests, start, stop);
}
