/*
 * The chain of credentials, on the sources that need no network: which is asked after which, what is said of it, what is
 * kept for how long, and what a credential_process may do.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "credentials_world.h"

#define KEYS(id)    "aws_access_key_id = " id "\naws_secret_access_key = " SECRET "\n"
#define DEFAULT(id) "[default]\n" KEYS(id)

static void
set_keys(const char *id, const char *secret, const char *token)
{
	setenv("AWS_ACCESS_KEY_ID", id, 1);
	setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
	setenv("AWS_SESSION_TOKEN", token, 1);
}

/* A config file whose credential_process is this. */
static void
write_process(const char *command)
{
	char text[2048];

	snprintf(text, sizeof(text), "[default]\ncredential_process = %s\n", command);
	write_config(text);
}

static int
count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	int lines = 0, character;

	while (file != NULL && (character = getc(file)) != EOF)
		lines += character == '\n';
	if (file != NULL)
		fclose(file);
	return lines;
}

static bool
wait_until(bool (*is_true)(void))
{
	for (int64_t deadline = deadline_after(PATIENCE_MS); deadline_left(deadline) > 0; usleep(5000))
		if (is_true())
			return true;
	return false;
}

/* ---- which source ---- */

static void
test_environment(void **state)
{
	(void)state;
	write_credentials(DEFAULT("FILE"));
	set_keys(ID, SECRET, TOKEN);
	found(ID);
	assert_string_equal(credentials.secret_access_key, SECRET);
	assert_string_equal(credentials.session_token, TOKEN);
	assert_int_equal(credentials.expires, 0);
	setenv("AWS_SESSION_TOKEN", "", 1);
	found(ID);
	assert_string_equal(credentials.session_token, "");
	set_keys("", "", "");
	found("FILE");
}

static void
test_half_environment(void **state)
{
	(void)state;
	write_credentials(DEFAULT("FILE"));
	set_keys(ID, "", "");
	fails("environment: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY isn't");
	set_keys("", SECRET, "");
	fails("environment: AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID isn't");
	set_keys(ID, SECRET "\r\nEvil: 1", "");
	fails("environment: the secret access key isn't one");
	set_keys("a b", SECRET, "");
	fails("environment: the access key id isn't one");
	set_keys(ID, SECRET, TOKEN "\n");
	fails("environment: the session token isn't one");
}

static void
test_nothing(void **state)
{
	char words[512];

	(void)state;
	snprintf(words, sizeof(words), "No credentials for the store: environment: AWS_ACCESS_KEY_ID isn't set; "
	    "web identity: AWS_WEB_IDENTITY_TOKEN_FILE isn't set; "
	    "profile default: %s/.aws/credentials: No such file or directory; "
	    "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI isn't set; "
	    "instance metadata: AWS_EC2_METADATA_DISABLED is set", home);
	fails(words);
	assert_string_equal(error.message, words);
	/* A default profile without keys is nothing special. */
	write_config("[default]\nregion = eu-west-1\n");
	fails("neither aws_access_key_id nor credential_process; container: ");
	write_config("[profile other]\n" KEYS("OTHER"));
	fails("profile default: no such profile in ");
	unsetenv("HOME");
	fails("; container: ");
}

static void
test_profiles(void **state)
{
	(void)state;
	write_credentials(DEFAULT("DEFAULT") "[a]\n" KEYS("A") "aws_session_token=" TOKEN "\n[profile b]\n" KEYS("WRONG"));
	write_config("[default]\n" KEYS("CONFIG-DEFAULT") "[a]\n" KEYS("WRONG") "[profile a]\n" KEYS("CONFIG-A")
	    "[profile b]\n" KEYS("B"));
	found("DEFAULT");
	setenv("AWS_DEFAULT_PROFILE", "b", 1);
	found("B");
	setenv("AWS_PROFILE", "a", 1);
	found("A");
	assert_string_equal(credentials.session_token, TOKEN);
	setenv("AWS_PROFILE", "c", 1);
	fails("profile c: no such profile in ");
	assert_null(strstr(error.message, "container"));
	setenv("AWS_SHARED_CREDENTIALS_FILE", in_home("nothing"), 1);
	setenv("AWS_PROFILE", "a", 1);
	found("CONFIG-A");
	setenv("AWS_CONFIG_FILE", in_home("nothing"), 1);
	fails("profile a: ");
	write_file(in_home("keys"), 0600, "[a]\n" KEYS("ELSEWHERE"));
	setenv("AWS_SHARED_CREDENTIALS_FILE", "~/keys", 1);
	found("ELSEWHERE");
}

/* The options mean one profile: the environment's keys are somebody else's. */
static void
test_options(void **state)
{
	struct credential_chain *chain;

	(void)state;
	set_keys(ID, SECRET, "");
	write_credentials(DEFAULT("DEFAULT") "[a]\n" KEYS("A"));
	write_file(in_home("keys"), 0600, DEFAULT("KEYS") "[a]\n" KEYS("KEYS-A"));
	chain = new_chain(NULL, "a");
	chain_found(chain, "A");
	credential_chain_free(chain);
	chain = new_chain(in_home("keys"), "a");
	chain_found(chain, "KEYS-A");
	credential_chain_free(chain);
	chain = new_chain(in_home("keys"), NULL);
	chain_found(chain, "KEYS");
	credential_chain_free(chain);
	fails_with(in_home("keys"), "b", "No credentials for the store: profile b: no such profile in ");
	fails_with(in_home("nothing"), NULL, "nothing: No such file or directory");
	fails_with(NULL, "b", "profile b: no such profile in ");
	assert_null(strstr(error.message, "environment"));
}

static void
test_named_file_mode(void **state)
{
	const mode_t bad[] = { 0640, 0604, 0620, 0602, 0666 };
	struct credential_chain *chain;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_file(in_home("keys"), bad[i], DEFAULT(ID));
		fails_with(in_home("keys"), NULL, "keys: others may ");
	}
	write_file(in_home("keys"), 0400, DEFAULT(ID));
	chain = new_chain(in_home("keys"), NULL);
	chain_found(chain, ID);
	credential_chain_free(chain);
	/* As AWS's own tools do. */
	write_file(in_home(".aws/credentials"), 0644, DEFAULT("DEFAULT"));
	found("DEFAULT");
}

static void
test_bad_files(void **state)
{
	char *large = malloc(2 * 1024 * 1024);

	(void)state;
	assert_non_null(large);
	write_credentials("[default]\naws_access_key_id = " ID "\n");
	fails(".aws/credentials: it has no aws_secret_access_key");
	write_credentials("[default]\naws_secret_access_key = " SECRET "\n");
	fails(".aws/credentials: it has no aws_access_key_id");
	write_credentials("[default]\n" SECRET "\n");
	fails(".aws/credentials: line 2: neither a [section] nor a setting");
	write_credentials("[default]\naws_access_key_id = " ID "\naws_secret_access_key = " SECRET "\n more\n");
	fails(".aws/credentials: the secret access key isn't one");
	memset(large, '#', 2 * 1024 * 1024 - 1);
	large[2 * 1024 * 1024 - 1] = '\0';
	write_credentials(large);
	fails(".aws/credentials: it is too long");
	free(large);
	unlink(in_home(".aws/credentials"));
	assert_int_equal(mkfifo(in_home(".aws/credentials"), 0600), 0);
	fails(".aws/credentials: it isn't a regular file");
	unlink(in_home(".aws/credentials"));
	assert_int_equal(mkdir(in_home(".aws/credentials"), 0700), 0);
	fails(".aws/credentials: it isn't a regular file");
}

static void
test_unsupported(void **state)
{
	(void)state;
	write_config("[default]\n" KEYS("BASE") "role_arn = arn:aws:iam::1:role/r\nsource_profile = x\n");
	fails("profile default: role_arn with source_profile isn't supported; a credential_process can do it");
	write_config("[default]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Environment\n");
	fails("role_arn with credential_source isn't supported");
	write_config("[default]\nrole_arn = arn:aws:iam::1:role/r\n");
	fails("role_arn without web_identity_token_file isn't supported");
	write_config("[default]\nweb_identity_token_file = /x\n");
	fails("it has web_identity_token_file and no role_arn");
	write_config("[default]\nsso_session = my\nsso_account_id = 1\n");
	fails("sso_session isn't supported; a credential_process can do it");
}

/* ---- credential_process ---- */

#define PRINT(id) "printf '{\"Version\":1,\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"" SECRET "\"}'"

static void
test_process(void **state)
{
	int open_here = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(open_here >= 0);
	/* stdin is empty, nothing of this process is open, and it leads a session of its own. */
	write_process("test \"$(cat | wc -c) $(ls /proc/self/fd | wc -l) $(ps -o sid= -p $$ | tr -d ' ')\" = \"0 4 $$\" && "
	    PRINT("P"));
	found("P");
	close(open_here);
	/* Between the keys of the two files. */
	write_credentials(DEFAULT("FILE"));
	found("FILE");
	write_credentials("");
	write_config("[default]\n" KEYS("CONFIG") "credential_process = " PRINT("P") "\n");
	found("P");
	/* It may leave something behind, which ends with it. */
	write_process("sleep 1000 & echo $! > ~/pid; " PRINT("P"));
	found("P");
}

static bool
sleeper_ended(void)
{
	FILE *file = fopen(in_home("pid"), "re");
	char path[64], line[256];
	int pid = 0;
	bool ended = true;

	if (file == NULL)
		return false;
	ended = fscanf(file, "%d", &pid) == 1;
	fclose(file);
	if (!ended)
		return false;
	/* Who reaps it is none of this test's business. */
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((file = fopen(path, "re")) != NULL) {
		ended = fgets(line, sizeof(line), file) == NULL || strstr(line, ") Z ") != NULL;
		fclose(file);
	}
	return ended;
}

static bool
sleeper_began(void)
{
	return count_lines(in_home("pid")) > 0;
}

static void
test_process_fails(void **state)
{
	(void)state;
	write_process("echo; echo >&2; printf 'it \\033[31mis \\342\\200\\256late\\nand more' >&2; exit 3");
	fails("profile default: credential_process failed with status 3: it ?[31mis ???late");
	assert_null(strstr(error.message, "and more"));
	write_process("exit 1");
	fails("credential_process failed with status 1");
	write_process("kill -9 $$");
	fails("credential_process was killed by signal 9");
	write_process("/no/such/program");
	fails("credential_process failed with status 127: ");
	write_process("echo nonsense " SECRET);
	fails("what credential_process printed: it isn't a JSON object");
	write_process("echo '{\"Version\":2}'");
	fails("its \"Version\" isn't 1");
	write_process("true");
	fails("it isn't a JSON object");
	write_process("yes");
	fails("credential_process prints too much");
	write_process("yes >&2 & sleep 0.2; exit 5");
	fails("credential_process failed with status 5: y");
	write_process("echo '{\"Version\":1,\"AccessKeyId\":\"x\",\"SecretAccessKey\":\"x\","
	    "\"Expiration\":\"2020-01-01T00:00:00Z\"}'");
	fails("profile: its credentials have expired already");
}

/* Nobody waits for it beyond the deadline, it and what it started are gone when the chain is, and when its time is over. */
static void
test_process_hangs(void **state)
{
	struct credential_chain *chain;
	struct source_search *search = calloc(1, sizeof(*search));
	atomic_bool stop = false;
	int64_t began;

	(void)state;
	assert_non_null(search);
	write_process("sleep 1000 & echo $! > ~/pid; wait");
	chain = new_chain(NULL, NULL);
	began = deadline_now();
	assert_int_equal(credential_chain_get(chain, deadline_after(300), &credentials, &error), -1);
	says(error.message, "No credentials for the store: profile: no answer in time");
	assert_in_range(deadline_now() - began, 290, 10000);
	assert_true(wait_until(sleeper_began));
	assert_false(sleeper_ended());
	began = deadline_now();
	credential_chain_free(chain);
	assert_in_range(deadline_now() - began, 0, 10000);
	assert_true(wait_until(sleeper_ended));

	search->stop = &stop;
	unlink(in_home("pid"));
	assert_int_equal(source_run(search, "it", "echo 1 >&2; sleep 1000 & echo $! > ~/pid; wait", 300, &credentials),
	    SOURCE_FAILED);
	says(search->why, "it: credential_process took too long: 1");
	assert_true(wait_until(sleeper_ended));
	free(search);
}

static void
test_process_file(void **state)
{
	(void)state;
	write_file(in_home(".aws/config"), 0620, "[default]\ncredential_process = " PRINT("P") "\n");
	fails("config: its credential_process isn't run, as others may write the file");
	write_file(in_home(".aws/config"), 0602, "[default]\ncredential_process = " PRINT("P") "\n");
	fails("config: its credential_process isn't run, as others may write the file");
	if (geteuid() != 0)
		skip();
	write_process(PRINT("P"));
	assert_int_equal(chown(in_home(".aws/config"), 65534, 0), 0);
	fails("config: its credential_process isn't run, as the file belongs to another user (uid 65534)");
	/* Keys, it may hold. */
	write_config(DEFAULT(ID));
	assert_int_equal(chown(in_home(".aws/config"), 65534, 0), 0);
	found(ID);
}

/* ---- what is kept ---- */

/* A program that says each time how often it ran, "RUN-1" …, and whose credentials last so long from the first time on. */
static void
write_counter(const char *before, int seconds)
{
	char command[1024];

	snprintf(command, sizeof(command), "echo >> ~/runs; %s; printf '{\"Version\":1,\"AccessKeyId\":\"RUN-%%d\","
	    "\"SecretAccessKey\":\"x\",\"Expiration\":\"%%s\"}' $(wc -l < ~/runs) $(date -u -d '%d seconds' +%%FT%%TZ)",
	    before, seconds);
	write_process(command);
}

static int
runs(void)
{
	return count_lines(in_home("runs"));
}

static bool
ran_twice(void)
{
	return runs() >= 2;
}

static void
test_kept(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);

	(void)state;
	write_counter("true", 3600);
	for (int i = 0; i < 1000; i++)
		chain_found(chain, "RUN-1");
	assert_int_equal(runs(), 1);
	credential_chain_free(chain);
}

static void
wait_for(struct credential_chain *chain, const char *id)
{
	for (int64_t deadline = deadline_after(PATIENCE_MS); strcmp(credentials.access_key_id, id) != 0; usleep(10000)) {
		assert_true(deadline_left(deadline) > 0);
		if (credential_chain_get(chain, deadline, &credentials, &error) == -1)
			fail_msg("%s", error.message);
	}
}

/* Renewed before they expire, by one, while all go on with the old ones. */
static void
test_renewed(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);

	(void)state;
	write_counter("test $(wc -l < ~/runs) = 1 || until test -e ~/go; do sleep 0.01; done", 3600);
	chain_found(chain, "RUN-1");
	skipped += 1800;
	for (int i = 0; i < 100; i++)
		chain_found(chain, "RUN-1");
	assert_int_equal(runs(), 1);
	skipped += 1800 - 200;
	chain_found(chain, "RUN-1");
	assert_true(wait_until(ran_twice));
	for (int i = 0; i < 100; i++)
		chain_found(chain, "RUN-1");
	write_file(in_home("go"), 0600, "");
	wait_for(chain, "RUN-2");
	assert_int_equal(runs(), 2);
	credential_chain_free(chain);
}

/* While they are valid, a source that fails changes nothing; then it is what is said. */
static void
test_renewal_fails(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);
	int64_t began;

	(void)state;
	write_counter("test $(wc -l < ~/runs) = 1 || { echo no more >&2; exit 1; }", 3600);
	chain_found(chain, "RUN-1");
	skipped += 3600 - 30;
	began = deadline_now();
	chain_found(chain, "RUN-1");
	assert_true(wait_until(ran_twice));
	/* Again a little later, and not at each call. */
	for (int i = 0; i < 100; i++, usleep(1000))
		chain_found(chain, "RUN-1");
	assert_in_range(runs(), 2, 2 + (deadline_now() - began) / 5000);
	skipped += 11;
	for (int i = runs(); runs() == i; usleep(10000)) {
		assert_true(deadline_now() - began < 11000 + PATIENCE_MS);
		chain_found(chain, "RUN-1");
	}
	skipped += 20; /* less than a process may take: one may be at it still */
	chain_fails(chain, "credential_process failed with status 1: no more");
	credential_chain_free(chain);
}

/* A failure is remembered for a moment. */
static void
test_failure_kept(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);
	int64_t began;

	(void)state;
	write_process("echo >> ~/runs; exit 1");
	chain_fails(chain, "status 1");
	began = deadline_now();
	for (int i = 0; i < 100; i++)
		chain_fails(chain, "status 1");
	if (deadline_now() - began < 1500)
		assert_int_equal(runs(), 1);
	write_credentials(DEFAULT(ID));
	skipped += 3;
	chain_found(chain, ID);
	credential_chain_free(chain);
}

static void *
get_one(void *context)
{
	struct credentials mine;
	struct api_error wrong;
	int rc = credential_chain_get(context, deadline_after(PATIENCE_MS), &mine, &wrong);

	return rc == 0 && strcmp(mine.access_key_id, "RUN-1") == 0 ? context : NULL;
}

/* Many at once: one asks, all have the answer. */
static void
test_together(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);
	pthread_t threads[16];
	void *result;

	(void)state;
	write_counter("sleep 0.3", 3600);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_one, chain), 0);
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, chain);
	}
	assert_int_equal(runs(), 1);
	credential_chain_free(chain);
}

/* One that is slower than a caller may wait has an answer for the next. */
static void
test_slow(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);
	int64_t patience = deadline_after(PATIENCE_MS);

	(void)state;
	write_counter("until test -e ~/go; do sleep 0.01; done", 3600);
	do
		assert_int_equal(credential_chain_get(chain, deadline_after(50), &credentials, &error), -1);
	while (strstr(error.message, "profile") == NULL && deadline_left(patience) > 0);
	says(error.message, "profile: no answer in time");
	write_file(in_home("go"), 0600, "");
	chain_found(chain, "RUN-1");
	assert_int_equal(runs(), 1);
	credential_chain_free(chain);
}

/* The file is looked at again, and what it holds now doesn't do. */
static void
stays(struct credential_chain *chain, const char *id)
{
	for (int i = 0; i < 10; i++, usleep(10000)) {
		skipped += 2;
		chain_found(chain, id);
	}
}

/* Keys that are changed in their file are changed here; while the file is broken, or away, those that were there do. */
static void
test_file_changes(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);

	(void)state;
	write_credentials(DEFAULT("ONE"));
	chain_found(chain, "ONE");
	write_credentials(DEFAULT("TWO"));
	skipped += 2;
	wait_for(chain, "TWO");
	write_credentials("[default\n");
	stays(chain, "TWO");
	write_credentials(DEFAULT("THREE"));
	skipped += 2;
	wait_for(chain, "THREE");
	unlink(in_home(".aws/credentials"));
	stays(chain, "THREE");
	write_config(DEFAULT("FOUR"));
	skipped += 2;
	wait_for(chain, "FOUR");
	credential_chain_free(chain);
}

static void
test_rejected(void **state)
{
	struct credential_chain *chain = new_chain(NULL, NULL);
	struct credentials first;

	(void)state;
	write_counter("true", 3600);
	chain_found(chain, "RUN-1");
	first = credentials;
	/* Others than these: old news. */
	strcpy(credentials.session_token, "x");
	credential_chain_rejected(chain, &credentials);
	chain_found(chain, "RUN-1");
	credential_chain_rejected(chain, &first);
	chain_found(chain, "RUN-2");
	/* And the new ones were no better: the source isn't asked at every call. */
	for (int i = 0; i < 20; i++) {
		credential_chain_rejected(chain, &credentials);
		chain_found(chain, "RUN-2");
	}
	assert_true(ran_twice());
	assert_int_equal(runs(), 2);
	credential_chain_free(chain);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_remove)
	const struct CMUnitTest tests[] = {
		TEST(test_environment),
		TEST(test_half_environment),
		TEST(test_nothing),
		TEST(test_profiles),
		TEST(test_options),
		TEST(test_named_file_mode),
		TEST(test_bad_files),
		TEST(test_unsupported),
		TEST(test_process),
		TEST(test_process_fails),
		TEST(test_process_hangs),
		TEST(test_process_file),
		TEST(test_kept),
		TEST(test_renewed),
		TEST(test_renewal_fails),
		TEST(test_failure_kept),
		TEST(test_together),
		TEST(test_slow),
		TEST(test_file_changes),
		TEST(test_rejected),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
