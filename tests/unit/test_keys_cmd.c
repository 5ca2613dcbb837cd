/*
 * berth-keys, the program itself as it was built, against a real socket whose answers the test chooses.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/host/paths.h"
#include "common/wire/deadline.h"
#include "common/wire/wire.h"
#include "tests/unit/private_run.h"

#define PAM_FILE "# comment\n\nauth [success=done ignore=ignore default=die]  pam_berth.so\n@include common-auth\n"
#define PASSWD_FILE "root:x:0:0::/root:/bin/bash\nlocal:x:1001:1001::/:/bin/sh\n"
#define OPTIONS "restrict,command=\"internal-sftp -l INFO\" "
#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIJ5J8Qm0c7TqgOuJw3bV3o0S0Qm0c7TqgOuJw3bV3o0S"

static char program[4096]; /* berth-keys, beside the tests' directory */

/* What the agent answers: a process of its own, so that the program can be run as sshd runs it. */
struct answer {
	uint16_t status;
	uint8_t payload[WIRE_ANSWER_MAX];
	struct wire_out out;
};

static struct answer answer;

static void
answer_begin(uint32_t count)
{
	answer.status = WIRE_OK;
	wire_out_init(&answer.out, answer.payload, sizeof(answer.payload));
	wire_put_u32(&answer.out, count);
}

static void
answer_key(const char *type, const char *base64)
{
	wire_put_string(&answer.out, type);
	wire_put_string(&answer.out, base64);
}

static void
serve(int listener)
{
	static uint8_t bytes[WIRE_HEADER + WIRE_ANSWER_MAX];
	uint8_t request[4096];
	struct wire_out out;
	int fd;

	alarm(60);
	wire_out_init(&out, bytes, sizeof(bytes));
	wire_put_header(&out, answer.status, (uint32_t)answer.out.used);
	memcpy(bytes + WIRE_HEADER, answer.payload, answer.out.used);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (recv(fd, request, sizeof(request), 0) > 0)
			send(fd, bytes, WIRE_HEADER + answer.out.used, MSG_NOSIGNAL);
		close(fd);
	}
	_exit(0);
}

static int
listen_at_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(BERTH_SOCKET);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

struct result {
	int status; /* the exit status, or -1 for a signal */
	size_t length;
	char text[256 * 1024];
};

static struct result result;

static void
read_output(int fd)
{
	ssize_t count;

	result.length = 0;
	while ((count = read(fd, result.text + result.length, sizeof(result.text) - 1 - result.length)) > 0)
		result.length += (size_t)count;
	result.text[result.length] = '\0';
}

/* run: the program with these arguments; its output goes to `result`. */
static void
run(const char *const arguments[])
{
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) >= 0)
			execv(program, (char *const *)arguments);
		_exit(127);
	}
	close(ends[1]);
	read_output(ends[0]);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* agent_start: an agent that gives the prepared answer to everyone. */
static pid_t
agent_start(void)
{
	int listener = listen_at_socket();
	pid_t agent = fork();

	assert_true(agent >= 0);
	if (agent == 0)
		serve(listener);
	close(listener);
	return agent;
}

static void
agent_stop(pid_t agent)
{
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	unlink(BERTH_SOCKET);
}

/* expect: what the program prints and its exit status, with an agent that gives the prepared answer. */
static void
expect(const char *const arguments[], int status, const char *text)
{
	pid_t agent = agent_start();

	run(arguments);
	agent_stop(agent);
	assert_string_equal(result.text, text);
	assert_int_equal(result.status, status);
}

#define ARGUMENTS(...) ((const char *const[]){ "berth-keys", __VA_ARGS__, NULL })
#define ASKED_FOR_ONE ARGUMENTS("alice", "5001", "ssh-ed25519", KEY)

static void
the_key_that_fits_is_printed(void **state)
{
	(void)state;
	answer_begin(1);
	answer_key("ssh-ed25519", KEY);
	expect(ASKED_FOR_ONE, 0, OPTIONS "ssh-ed25519 " KEY "\n");
	answer_begin(0);
	expect(ASKED_FOR_ONE, 0, "");
	answer_begin(0);
	answer.out.used = 0;
	answer.status = WIRE_NOT_FOUND;
	expect(ASKED_FOR_ONE, 0, "");
}

/* write_pam_file: sshd's PAM service, in a directory of the test's own; NULL takes it away. */
static int
write_pam_file(const char *text)
{
	FILE *file;

	if (text == NULL)
		return unlink(BERTH_PAM_SERVICE_FILE);
	file = fopen(BERTH_PAM_SERVICE_FILE, "we");
	if (file == NULL)
		return -1;
	return fputs(text, file) < 0 || fclose(file) != 0 ? -1 : 0;
}

static void
no_keys_for_a_stack_that_does_not_seal(void **state)
{
	static const char *const good[] = {
		"auth required pam_berth.so\n", "\tAUTH\t[success=done default=die]\t/lib/security/pam_berth.so debug\n",
		"account required pam_other.so\n-auth optional pam_berth.so",
		"#auth required pam_other.so\r\nauth [a=1 b=2] pam_berth.so\r\n",
	};
	static const char *const bad[] = {
		"", "#auth required pam_berth.so\n", "auth sufficient pam_permit.so\nauth required pam_berth.so\n",
		"@include common-auth\nauth required pam_berth.so\n", "auth include pam_berth\n", "auth required\n",
		"auth [x pam_berth.so\n",
		"account required pam_berth.so\nsession required pam_berth.so\n", "auth required not_pam_berth.so\n",
		"auth required pam_berth.so.old\n", "account required pam_a.so \\\nauth required pam_berth.so\n", NULL,
	};

	(void)state;
	answer_begin(1);
	answer_key("ssh-ed25519", KEY);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(write_pam_file(good[i]), 0);
		expect(ASKED_FOR_ONE, 0, OPTIONS "ssh-ed25519 " KEY "\n");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(write_pam_file(bad[i]), 0);
		expect(ASKED_FOR_ONE, 1, "");
	}
	assert_int_equal(write_pam_file(PAM_FILE), 0);
}

static void
all_keys_are_printed_with_fewer_arguments(void **state)
{
	(void)state;
	answer_begin(5);
	answer_key("ssh-ed25519", "AAAA");
	answer_key("ssh-rsa", "BBBB");
	answer_key("ecdsa-sha2-nistp256", "CCCC");
	answer_key("ecdsa-sha2-nistp384", "DD==");
	answer_key("ecdsa-sha2-nistp521", "E+/=");
	expect(ARGUMENTS("alice"), 0,
	    OPTIONS "ssh-ed25519 AAAA\n" OPTIONS "ssh-rsa BBBB\n" OPTIONS "ecdsa-sha2-nistp256 CCCC\n"
	    OPTIONS "ecdsa-sha2-nistp384 DD==\n" OPTIONS "ecdsa-sha2-nistp521 E+/=\n");
	expect(ARGUMENTS("alice", "5001", "ssh-rsa"), 0, OPTIONS "ssh-rsa BBBB\n");
}

static void
the_most_and_longest_keys_are_printed(void **state)
{
	char base64[KEY_BASE64_MAX + 2];
	pid_t agent;

	(void)state;
	memset(base64, 'A', sizeof(base64));
	base64[KEY_BASE64_MAX] = '\0';
	answer_begin(USER_KEYS_MAX);
	for (int i = 0; i < USER_KEYS_MAX; i++)
		answer_key("ssh-rsa", base64);
	assert_false(answer.out.overflow);
	agent = agent_start();
	run(ARGUMENTS("alice"));
	agent_stop(agent);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.length, USER_KEYS_MAX * (strlen(OPTIONS "ssh-rsa \n") + KEY_BASE64_MAX));

	answer_begin(USER_KEYS_MAX + 1);
	for (int i = 0; i < USER_KEYS_MAX + 1; i++)
		answer_key("ssh-rsa", "AAAA");
	expect(ARGUMENTS("alice"), 1, "");
	base64[KEY_BASE64_MAX] = 'A';
	base64[KEY_BASE64_MAX + 1] = '\0';
	answer_begin(1);
	answer_key("ssh-rsa", base64);
	expect(ARGUMENTS("alice"), 1, "");
}

static void
hostile_answers_print_nothing(void **state)
{
	static const char *const pairs[][2] = {
		{ "ssh-ed25519", KEY "A" }, { "ssh-rsa", KEY }, { "ssh-ed25519", "AAAA" }, { "ssh-ed25519", "" },
		{ "ssh-ed25519", KEY "\nssh-ed25519 AAAA" }, { "ssh-ed25519\n", KEY }, { "", KEY }, { "ssh-dss", KEY },
		{ "ssh-ed25519-cert-v01@openssh.com", KEY }, { "cert-authority ssh-ed25519", KEY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		answer_begin(1);
		answer_key(pairs[i][0], pairs[i][1]);
		expect(ASKED_FOR_ONE, 1, "");
	}
	answer_begin(2); /* one right, one too many */
	answer_key("ssh-ed25519", KEY);
	answer_key("ssh-ed25519", KEY);
	expect(ASKED_FOR_ONE, 1, "");
	answer_begin(2); /* one right, one that would break the line */
	answer_key("ssh-ed25519", KEY);
	answer_key("ssh-rsa", "AAAA BBBB");
	expect(ARGUMENTS("alice"), 1, "");
	answer_begin(1); /* bytes left over */
	answer_key("ssh-ed25519", KEY);
	wire_put_u16(&answer.out, 0);
	expect(ASKED_FOR_ONE, 1, "");
	answer_begin(4000000000u);
	expect(ARGUMENTS("alice"), 1, "");
	answer_begin(1);
	answer.out.used = 0;
	answer.status = WIRE_DENIED;
	expect(ASKED_FOR_ONE, 1, "");
}

static void
what_can_not_be_ours_gets_nothing_whatever_the_agent_says(void **state)
{
	static const char *const users[][2] = {
		{ "root", "0" }, { "local", "1001" }, { "local", "5001" }, { "alice", "0" }, { "alice", "999" },
		{ "alice", "1111839316" }, { "al ice", "5001" }, { "-V", "5001" }, { "", "5001" }, { "a\nb", "5001" },
	};

	(void)state;
	answer_begin(1);
	answer_key("ssh-ed25519", KEY);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		expect(ARGUMENTS(users[i][0], users[i][1], "ssh-ed25519", KEY), 0, "");
	expect(ARGUMENTS("alice", "5001", "ssh-ed25519-cert-v01@openssh.com", KEY), 0, "");
	expect(ARGUMENTS("alice", "5001", "ssh-ed25519", "AAA A"), 0, "");
}

static void
a_local_users_login_does_not_wait(void **state)
{
	int listener = listen_at_socket(); /* and nobody accepts */
	int64_t start = deadline_now();

	(void)state;
	run(ARGUMENTS("root", "0", "ssh-ed25519", KEY));
	assert_int_equal(result.status, 0);
	run(ARGUMENTS("local", "1001", "ssh-ed25519", KEY));
	assert_int_equal(result.status, 0);
	assert_true(deadline_now() - start < 500);
	run(ASKED_FOR_ONE);
	assert_int_equal(result.status, 1);
	assert_string_equal(result.text, "");
	assert_true(deadline_now() - start < 3000);
	close(listener);
	unlink(BERTH_SOCKET);
}

static void
no_agent_is_a_failure_at_once(void **state)
{
	int64_t start = deadline_now();

	(void)state;
	run(ASKED_FOR_ONE);
	assert_int_equal(result.status, 1);
	assert_string_equal(result.text, "");
	assert_true(deadline_now() - start < 500);
}

static void
wrong_usage_is_said(void **state)
{
	(void)state;
	run((const char *const[]){ "berth-keys", NULL });
	assert_int_equal(result.status, 2);
	run(ARGUMENTS("a", "1", "2", "3", "4"));
	assert_int_equal(result.status, 2);
	run(ARGUMENTS("alice", "x"));
	assert_int_equal(result.status, 2);
	run(ARGUMENTS("alice", ""));
	assert_int_equal(result.status, 2);
	run(ARGUMENTS("alice", "4294967295"));
	assert_int_equal(result.status, 2);
	run(ARGUMENTS("-V"));
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.text, "berth-keys "));
}

/* sshd may stop reading at the first key that fits, and doesn't take a killed command for a success. */
static void
a_reader_that_leaves_early_is_no_failure(void **state)
{
	int ends[2], status;
	pid_t agent, pid;

	(void)state;
	answer_begin(1);
	answer_key("ssh-ed25519", KEY);
	agent = agent_start();
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0)
			execv(program, (char *const *)ASKED_FOR_ONE);
		_exit(127);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	agent_stop(agent);
}

/* find_program: build/berth-keys, from build/tests/test_keys_cmd. */
static bool
find_program(void)
{
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 32);
	char *slash;

	if (length < 0)
		return false;
	program[length] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(program, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	strcat(program, "/berth-keys");
	return access(program, X_OK) == 0;
}

int
main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_that_fits_is_printed),
		cmocka_unit_test(no_keys_for_a_stack_that_does_not_seal),
		cmocka_unit_test(all_keys_are_printed_with_fewer_arguments),
		cmocka_unit_test(the_most_and_longest_keys_are_printed),
		cmocka_unit_test(hostile_answers_print_nothing),
		cmocka_unit_test(what_can_not_be_ours_gets_nothing_whatever_the_agent_says),
		cmocka_unit_test(a_local_users_login_does_not_wait),
		cmocka_unit_test(no_agent_is_a_failure_at_once),
		cmocka_unit_test(wrong_usage_is_said),
		cmocka_unit_test(a_reader_that_leaves_early_is_no_failure),
	};

	if (!find_program()) {
		fprintf(stderr, "%s: not built: run make all\n", program);
		return 1;
	}
	private_run_enter(tests, sizeof(tests) / sizeof(tests[0]));
	if (tests[0].test_func != private_run_skipped && (private_file(BERTH_PASSWD_FILE, PASSWD_FILE) != 0 ||
	    mount("tmpfs", "/etc/pam.d", "tmpfs", 0, NULL) != 0 || write_pam_file(PAM_FILE) != 0))
		return 1;
	return cmocka_run_group_tests_name("berth-keys", tests, NULL, NULL);
}
