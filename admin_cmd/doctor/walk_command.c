/*
 * The keys command, run as sshd runs it: its words filled in, as its user.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "admin_cmd/cures.h"
#include "admin_cmd/doctor/walk.h"
#include "admin_cmd/run_program.h"
#include "keys_cmd/pam_stack.h"

#define WORDS_MAX 32
#define COMMAND_MAX 4096

struct command {
	char line[COMMAND_MAX], user[128];
	char words[COMMAND_MAX * 2];
	const char *argv[WORDS_MAX + 1];
};

/* replacement: of a %-letter, as auth2-pubkey.c gives them; NULL: sshd would refuse it. */
static const char *
replacement(const struct walk *walk, const struct walk_key *key, char letter, char uid[16])
{
	switch (letter) {
	case '%':
		return "%";
	case 'U':
		snprintf(uid, 16, "%u", (unsigned)walk->entry.pw_uid);
		return uid;
	case 'u':
		return walk->name;
	case 'h':
		return walk->entry_home;
	case 't':
		return key->type;
	case 'k':
		return key->base64;
	case 'f':
		return key->fingerprint;
	default:
		return NULL;
	}
}

/* fill_word: a word of the command with its %-letters replaced, at `to`. Returns its length, or -1. */
static int
fill_word(const struct walk *walk, const struct walk_key *key, const char *word, size_t length, char *to, size_t size)
{
	char uid[16], one[2] = "";
	const char *text;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		one[0] = word[i];
		text = one;
		if (word[i] == '%' && (++i == length || (text = replacement(walk, key, word[i], uid)) == NULL))
			return -1;
		if (used + strlen(text) + 1 > size)
			return -1;
		memcpy(to + used, text, strlen(text) + 1);
		used += strlen(text);
	}
	return (int)used;
}

/* fill: command->line with this key filled in, as argv. A command that sshd was given with quotes isn't ours. */
static bool
fill(const struct walk *walk, const struct walk_key *key, struct command *command)
{
	const char *at = command->line;
	size_t used = 0, count = 0, length;
	int filled;

	for (; *(at += strspn(at, " \t")) != '\0'; at += length) {
		length = strcspn(at, " \t");
		if (count + 1 >= WORDS_MAX)
			return false;
		filled = fill_word(walk, key, at, length, command->words + used, sizeof(command->words) - used);
		if (filled < 0)
			return false;
		command->argv[count++] = command->words + used;
		used += (size_t)filled + 1;
	}
	if (count == 1)
		command->argv[count++] = walk->name;
	command->argv[count] = NULL;
	return count > 0;
}

/* writable_by_others: Debian's sshd lets a group of root's alone write, others let none. */
static bool
writable_by_others(const struct stat *status)
{
	return (status->st_mode & 02) != 0 || ((status->st_mode & 020) != 0 && status->st_gid != 0);
}

/* unsafe_part: the part of the command's path that sshd wouldn't trust; "" when it would. */
static const char *
unsafe_part(const char *program, char part[COMMAND_MAX])
{
	struct stat status;
	char *slash;

	snprintf(part, COMMAND_MAX, "%.*s", COMMAND_MAX - 1, program);
	while (part[0] == '/') {
		if (stat(part, &status) != 0 || status.st_uid != 0 || writable_by_others(&status))
			return part;
		slash = strrchr(part, '/');
		if (part[1] == '\0')
			return "";
		slash[slash == part] = '\0';
	}
	return part;
}

/* prints_key: whether a line of the output holds the key. */
static bool
prints_key(const char *output, const struct walk_key *key)
{
	char wanted[KEY_TYPE_MAX + KEY_BASE64_MAX + 3];
	const char *found;
	size_t length = (size_t)snprintf(wanted, sizeof(wanted), "%s %s", key->type, key->base64);

	for (found = strstr(output, wanted); found != NULL; found = strstr(found + 1, wanted))
		if (found[length] == '\0' || found[length] == '\n' || found[length] == ' ')
			return true;
	return false;
}

static bool
refused(struct walk *walk, const char *why)
{
	const char *cure = cure_of(why);

	FAULT(walk, "keys-command", cure != NULL ? cure : "berth doctor; journalctl -t berth-keys", "%s", why);
	return false;
}

/* why_no_key: from what it did, and what it goes by. */
static void
why_no_key(const struct command *command, struct program_result *result, char *why, size_t size)
{
	char stack[256];

	if (result->timed_out)
		snprintf(why, size, "%.200s gives no answer", command->argv[0]);
	else if (!pam_stack_seals(stack, sizeof(stack)))
		snprintf(why, size, "berth-keys gives no key: %s", stack);
	else if (result->status != 0)
		snprintf(why, size, "%.200s, run as %.100s, ended with status %d; its line in the log says why",
		    command->argv[0], command->user, result->status);
	else
		snprintf(why, size, "%.200s, run as %.100s, prints no line for the key", command->argv[0], command->user);
}

/* try_key: whether the command prints this key. */
static bool
try_key(struct walk *walk, const struct walk_key *key, struct command *command)
{
	const struct program_options options = { .user = command->user };
	struct program_result result;
	char why[512];
	bool printed;

	if (!fill(walk, key, command))
		return refused(walk, "AuthorizedKeysCommand has words that Berth's has not; `berth setup` writes it");
	if (run_program(command->argv, &options, &result) != 0) {
		snprintf(why, sizeof(why), "%.200s can't be run as %.100s: %s", command->argv[0], command->user,
		    strerror(errno));
		program_free(&result);
		return refused(walk, why);
	}
	printed = result.status == 0 && prints_key(result.output, key);
	why_no_key(command, &result, why, sizeof(why));
	program_free(&result);
	return printed || refused(walk, why);
}

static bool
try_keys(struct walk *walk, struct command *command)
{
	size_t printed = 0;

	for (size_t i = 0; i < walk->record->key_count; i++) {
		const struct walk_key *key = &walk->record->keys[i];

		if (key->unusable || (walk->asked != NULL && walk->asked != key))
			continue;
		if (!try_key(walk, key, command))
			return false;
		printed++;
	}
	WELL(walk, "keys-command", "%s, run as %s, prints the line of %s (%zu)", command->argv[0],
	    command->user, walk->asked != NULL ? "that key" : "each key that sshd takes", printed);
	return true;
}

bool
walk_keys_command(struct walk *walk)
{
	struct command *command = calloc(1, sizeof(*command));
	char part[COMMAND_MAX], why[COMMAND_MAX + 128];
	bool well = false;

	if (command == NULL) {
		walk->findings->out_of_memory = true;
		return false;
	}
	sshd_settings_value(&walk->settings, "authorizedkeyscommand", 0, command->line, sizeof(command->line));
	if (sshd_settings_value(&walk->settings, "authorizedkeyscommanduser", 0, command->user, sizeof(command->user)) < 0)
		command->user[0] = '\0';
	snprintf(why, sizeof(why), "%.*s", (int)strcspn(command->line, " \t"), command->line);
	if (unsafe_part(why, part)[0] != '\0') {
		snprintf(why, sizeof(why), "sshd doesn't trust the keys command: %.1000s isn't there, isn't root's, or "
		    "others may write it", part);
		FAULT(walk, "keys-command", "chown root:root that path; chmod go-w it", "%s", why);
	} else {
		well = try_keys(walk, command);
	}
	free(command);
	return well;
}
