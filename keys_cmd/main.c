/*
 * berth-keys: sshd's AuthorizedKeysCommand. Asks the agent for a user's public keys and prints them as lines of
 * authorized_keys(5).
 *
 *   berth-keys NAME [UID [TYPE [BASE64]]]        sshd_config: berth-keys %u %U %t %k
 *
 * sshd runs it for every user of the host, the local ones too, twice a login. Exit 0 when it did its job, whatever it
 * printed; 1 when the agent can't be asked, with one line in the log; 2 for wrong usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/host/log_format.h"
#include "common/host/passwd_file.h"
#include "common/wire/wire.h"
#include "keys_cmd/pam_stack.h"

#define ASK_MS 2000

/* Before each key: nothing but sftp, whatever else sshd_config says or forgets to say. */
static const char options[] = "restrict,command=\"internal-sftp -l INFO\" ";

#define LINE_SIZE (sizeof(options) + KEY_TYPE_MAX + 1 + KEY_BASE64_MAX + 1)

/* What was asked on the command line; type and base64 are "" when they weren't given. */
struct question {
	const char *name;
	uint32_t uid;
	const char *type, *base64;
};

struct output {
	char text[USER_KEYS_MAX * LINE_SIZE];
	size_t used;
};

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
complain(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	log_format(text, sizeof(text), format, arguments);
	va_end(arguments);
	openlog("berth-keys", LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_ERR, "%s", text);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "berth-keys: %s\n", text);
}

static int
usage(void)
{
	fputs("usage: berth-keys NAME [UID [TYPE [BASE64]]]\n       berth-keys -V\n", stderr);
	return 2;
}

/* parse_uid: a decimal number, as sshd writes it for %U, and not ID_NONE, which stands for none given. */
static bool
parse_uid(const char *text, uint32_t *uid)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value >= ID_NONE)
			return false;
	}
	*uid = (uint32_t)value;
	return true;
}

static bool
type_known(const char *type)
{
	static const char *const types[] = {
		"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* base64_plain: nothing that could end the key's field, let alone its line. */
static bool
base64_plain(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/' && c != '=')
			return false;
	}
	return length > 0 && length <= KEY_BASE64_MAX;
}

/*
 * worth_asking: whether the agent could have anything for this question. Local accounts aren't asked for: their logins don't
 * wait for the agent, and no agent can let anybody into them.
 */
static bool
worth_asking(const struct question *question)
{
	bool name_taken, uid_taken;

	if (!user_name_valid(question->name))
		return false;
	if (question->type[0] != '\0' && !type_known(question->type))
		return false; /* sshd asks for certificates too */
	if (question->base64[0] != '\0' && !base64_plain(question->base64, strnlen(question->base64, KEY_BASE64_MAX + 1)))
		return false;
	if (passwd_file_find(question->name, ID_NONE, &name_taken, &uid_taken) != 0) {
		complain("no keys: user=%s reason=\"/etc/passwd can't be read: %s\"", question->name, strerror(errno));
		return false;
	}
	if (name_taken)
		return false;
	if (question->uid != ID_NONE && !id_allowed(question->uid, ID_FLOOR)) {
		complain("no keys: user=%s reason=\"uid %u is none that a Berth user may have\"", question->name, question->uid);
		return false;
	}
	return true;
}

static void
append(struct output *output, const char *text, size_t length)
{
	memcpy(output->text + output->used, text, length);
	output->used += length;
}

/* add_key: reads one key of the answer. False when it isn't one, or not the one that was asked for. */
static bool
add_key(const struct question *question, struct wire_in *in, struct output *output)
{
	char type[KEY_TYPE_MAX + 1];
	const char *base64;
	size_t length;

	wire_get_string(in, type, KEY_TYPE_MAX);
	base64 = wire_get_view(in, KEY_BASE64_MAX, &length);
	if (in->bad || !type_known(type) || !base64_plain(base64, length))
		return false;
	if (question->base64[0] != '\0' &&
	    (strlen(question->base64) != length || memcmp(question->base64, base64, length) != 0))
		return false;
	if (question->type[0] != '\0' && strcmp(question->type, type) != 0)
		return question->base64[0] == '\0'; /* asked by type alone, the agent answers with all keys */
	append(output, options, sizeof(options) - 1);
	append(output, type, strlen(type));
	append(output, " ", 1);
	append(output, base64, length);
	append(output, "\n", 1);
	return true;
}

/* format_keys: the whole answer as lines, or false and nothing: who sends one bad key isn't believed the others. */
static bool
format_keys(const struct question *question, const uint8_t *answer, size_t length, struct output *output)
{
	struct wire_in in;
	uint32_t count;

	wire_in_init(&in, answer, length);
	count = wire_get_u32(&in);
	if (count > (question->base64[0] != '\0' ? 1 : USER_KEYS_MAX))
		return false;
	while (count-- > 0)
		if (!add_key(question, &in, output))
			return false;
	return wire_in_done(&in);
}

/* ask: the agent's status, or -1 with errno. */
static int
ask(const struct question *question, uint8_t *answer, size_t size, size_t *length)
{
	uint8_t memory[4 + USER_NAME_MAX + 4 + 4 + KEY_TYPE_MAX + 4 + KEY_BASE64_MAX];
	const struct agent_patience patience = { .answer_ms = ASK_MS, .wait_ms = LOOKUP_SECONDS_MAX * 1000 };
	struct wire_out request;
	bool one_key = question->base64[0] != '\0';

	wire_out_init(&request, memory, sizeof(memory));
	wire_put_string(&request, question->name);
	wire_put_u32(&request, question->uid);
	wire_put_string(&request, one_key ? question->type : "");
	wire_put_string(&request, one_key ? question->base64 : "");
	return agent_ask(WIRE_KEYS, &request, answer, size, length, &patience);
}

/* print: one write(2), as a rule: sshd may stop reading at the first key that fits, which is no failure of ours. */
static int
print(const struct question *question, const struct output *output)
{
	size_t done = 0;
	ssize_t count;

	signal(SIGPIPE, SIG_IGN);
	while (done < output->used) {
		count = write(STDOUT_FILENO, output->text + done, output->used - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EPIPE)
			return 0;
		if (count < 0) {
			complain("no keys: user=%s reason=\"they can't be written to sshd: %s\"", question->name, strerror(errno));
			return 1;
		}
		done += (size_t)count;
	}
	return 0;
}

/* why_not: what an operator makes of a status that brings no keys. */
static const char *
why_not(int status)
{
	switch (status) {
	case WIRE_DENIED:
		return "the agent gives them to root and to KeysUser of berth.conf alone, and this is another user";
	case WIRE_UNAVAILABLE:
		return "the agent can't read its store";
	case WIRE_BUSY:
		return "the agent has too many connections";
	default:
		return "the agent's answer isn't one to this question";
	}
}

static int
run(const struct question *question)
{
	/* Not on the stack, which would be touched page by page; these pages are touched as far as they are used. */
	static uint8_t answer[WIRE_ANSWER_MAX];
	static struct output output;
	char why[256];
	size_t length;
	int status;

	if (!worth_asking(question))
		return 0;
	status = ask(question, answer, sizeof(answer), &length);
	if (status == WIRE_NOT_FOUND)
		return 0;
	if (status < 0) {
		complain("no keys: user=%s reason=\"the agent can't be asked: %s\"", question->name, strerror(errno));
		return 1;
	}
	if (status != WIRE_OK) {
		complain("no keys: user=%s reason=\"%s\"", question->name, why_not(status));
		return 1;
	}
	if (!format_keys(question, answer, length, &output)) {
		complain("no keys: user=%s reason=\"the agent's answer isn't one to this question\"", question->name);
		return 1;
	}
	if (output.used > 0 && !pam_stack_seals(why, sizeof(why))) {
		complain("no keys: user=%s reason=\"%s\"", question->name, why);
		return 1;
	}
	return print(question, &output);
}

int
main(int argc, char **argv)
{
	struct question question = { .uid = ID_NONE, .type = "", .base64 = "" };

	if (argc == 2 && strcmp(argv[1], "-V") == 0)
		return puts("berth-keys " BERTH_VERSION) < 0;
	if (argc < 2 || argc > 5)
		return usage();
	question.name = argv[1];
	if (argc > 2 && !parse_uid(argv[2], &question.uid))
		return usage();
	if (argc > 3)
		question.type = argv[3];
	if (argc > 4)
		question.base64 = argv[4];
	return run(&question);
}
