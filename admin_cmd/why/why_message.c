#include "admin_cmd/why/why_message.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/cures.h"

#define MESSAGE_MAX 4096

#define ASK_ABOUT_KEY "berth doctor USER --key KEY.pub asks about the key that they use"

const char *
why_who_name(enum why_who who)
{
	static const char *const NAMES[] = { "sshd", "pam_berth", "berthd", "berth-keys" };

	return NAMES[who];
}

static bool
is_sshd(const char *program)
{
	return strcmp(program, "sshd") == 0 || strcmp(program, "sshd-session") == 0 || strcmp(program, "sshd-auth") == 0;
}

int
why_program(const char *program)
{
	return is_sshd(program) || strcmp(program, "berthd") == 0 || strcmp(program, "berth-keys") == 0;
}

/* after: what follows `start`, with which the text must begin; NULL: it doesn't. */
static const char *
after(const char *text, const char *start)
{
	size_t length = strlen(start);

	return text != NULL && strncmp(text, start, length) == 0 ? text + length : NULL;
}

/* cut_end: takes `end` off the text, which must end so. */
static bool
cut_end(char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	if (length < end_length || strcmp(text + length - end_length, end) != 0)
		return false;
	text[length - end_length] = '\0';
	return true;
}

/* cut_word: takes the last word, and the space before it, off the text; NULL: there is but one word. */
static char *
cut_word(char *text)
{
	char *space = strrchr(text, ' ');

	if (space == NULL)
		return NULL;
	*space = '\0';
	return space + 1;
}

static bool
is_number(const char *text)
{
	return text != NULL && text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* cut_client: takes "BEFORE ADDRESS port NUMBER" off the text's end; `before` may be "". */
static bool
cut_client(char *text, const char *before, char client[WHY_CLIENT_MAX])
{
	char *number = cut_word(text), *address;

	if (!is_number(number) || !cut_end(text, " port") || (address = cut_word(text)) == NULL ||
	    strlen(address) >= WHY_CLIENT_MAX)
		return false;
	snprintf(client, WHY_CLIENT_MAX, "%s", address);
	return before[0] == '\0' || cut_end(text, before);
}

static enum why_kind
refused(struct why_event *event, enum why_weight weight, const char *cure, const char *reason)
{
	event->kind = WHY_REFUSED;
	event->weight = weight;
	event->cure = cure;
	snprintf(event->reason, sizeof(event->reason), "%.*s", WHY_REASON_MAX - 1, reason);
	return event->kind;
}

/* The lines that are a beginning, a name, and a client: "START NAME [from] ADDRESS port NUMBER [END]". */
static const struct {
	const char *start, *before, *end;
	enum why_weight weight;
	const char *reason, *cure;
} NAMED[] = {
	{ "Invalid user ", " from", "", WHY_SAYS_WHAT, "NSS finds no user of this name",
	    "berth doctor USER says whether it is the record, the agent or /etc/nsswitch.conf" },
	{ "Connection closed by invalid user ", "", "", WHY_SAYS_THAT, "NSS finds no user of this name", NULL },
	{ "Connection reset by invalid user ", "", "", WHY_SAYS_THAT, "NSS finds no user of this name", NULL },
	{ "Disconnected from invalid user ", "", "", WHY_SAYS_THAT, "NSS finds no user of this name", NULL },
	{ "Connection closed by authenticating user ", "", "", WHY_SAYS_THAT,
	    "the client gave up: sshd took none of the keys that it offered", ASK_ABOUT_KEY },
	{ "Connection reset by authenticating user ", "", "", WHY_SAYS_THAT,
	    "the client gave up: sshd took none of the keys that it offered", ASK_ABOUT_KEY },
	{ "Disconnected from authenticating user ", "", "", WHY_SAYS_THAT,
	    "the client gave up: sshd took none of the keys that it offered", ASK_ABOUT_KEY },
	{ "Disconnecting authenticating user ", "", ": Too many authentication failures", WHY_SAYS_WHAT,
	    "the client offered more keys than MaxAuthTries allows, and none of these was the user's",
	    "let the client offer that one key: -o IdentitiesOnly=yes -i KEY" },
	{ "Disconnecting authenticating user ", "", ": no authentication methods enabled", WHY_SAYS_WHY,
	    "sshd offers this user no way in: PubkeyAuthentication is no, or AuthenticationMethods asks for what is off",
	    "say PubkeyAuthentication yes in /etc/ssh/sshd_config; berth setup" },
	{ "maximum authentication attempts exceeded for ", " from", " ssh2", WHY_SAYS_WHAT,
	    "the client offered more keys than MaxAuthTries allows, and none of these was the user's",
	    "let the client offer that one key: -o IdentitiesOnly=yes -i KEY" },
};

static enum why_kind
named_line(const char *message, const char *user, struct why_event *event)
{
	char text[MESSAGE_MAX];

	for (size_t i = 0; i < sizeof(NAMED) / sizeof(NAMED[0]); i++) {
		const char *rest = after(message, NAMED[i].start);

		if (rest == NULL)
			continue;
		snprintf(text, sizeof(text), "%s", rest);
		if (cut_end(text, NAMED[i].end) && cut_client(text, NAMED[i].before, event->client) &&
		    strcmp(text, user) == 0)
			return refused(event, NAMED[i].weight, NAMED[i].cure, NAMED[i].reason);
	}
	return WHY_NOTHING;
}

/*
 * cut_method: "METHOD for NAME from ADDRESS port NUMBER ssh2[: TYPE FINGERPRINT]", down to METHOD's end and the name,
 * which is returned. A certificate has more words, of which its holder chose some: such a line isn't read.
 */
static char *
cut_method(char *text, char *key, size_t size, struct why_event *event)
{
	char *fingerprint, *type, *name;

	key[0] = '\0';
	if (!cut_end(text, " ssh2")) {
		fingerprint = cut_word(text);
		type = fingerprint != NULL ? cut_word(text) : NULL;
		if (type == NULL || strncmp(fingerprint, "SHA256:", strlen("SHA256:")) != 0 || !cut_end(text, " ssh2:"))
			return NULL;
		snprintf(key, size, "%s %s", type, fingerprint);
	}
	if (!cut_client(text, " from", event->client))
		return NULL;
	name = strstr(text, " for "); /* no method has a space in its name */
	if (name == NULL)
		return NULL;
	*name = '\0';
	return name + strlen(" for ");
}

/* "Failed METHOD for …", "Accepted METHOD for …". */
static enum why_kind
method_line(const char *message, const char *user, struct why_event *event)
{
	const char *failed = after(message, "Failed "), *accepted = after(message, "Accepted ");
	char text[MESSAGE_MAX], key[256], reason[512], *name;

	if (failed == NULL && accepted == NULL)
		return WHY_NOTHING;
	snprintf(text, sizeof(text), "%s", failed != NULL ? failed : accepted);
	name = cut_method(text, key, sizeof(key), event);
	if (name == NULL || strcmp(name, user) != 0)
		return WHY_NOTHING;
	if (accepted != NULL)
		return event->kind = WHY_ACCEPTED;
	if (strcmp(text, "none") == 0)
		return WHY_NOTHING; /* how every client begins */
	if (strcmp(text, "publickey") != 0) {
		snprintf(reason, sizeof(reason), "the client tried %.64s: Berth's users log in by public key alone", text);
		return refused(event, WHY_SAYS_WHAT, NULL, reason);
	}
	snprintf(reason, sizeof(reason), "sshd took the key %.200s not for this user's", key);
	return refused(event, WHY_SAYS_WHAT, ASK_ABOUT_KEY, reason);
}

/* "User NAME [from HOST] not allowed because REASON": of users whom NSS knows, so that the name is none of the client's. */
static enum why_kind
not_allowed_line(const char *message, const char *user, struct why_event *event)
{
	static const char because[] = " not allowed because ";
	const char *rest = after(after(message, "User "), user), *at;
	char host[WHY_CLIENT_MAX] = "", reason[512];

	if (rest == NULL)
		return WHY_NOTHING;
	if ((at = after(rest, " from ")) != NULL) {
		snprintf(host, sizeof(host), "%.*s", (int)strcspn(at, " "), at);
		rest = at + strcspn(at, " ");
	}
	if ((at = after(rest, because)) == NULL)
		return WHY_NOTHING;
	snprintf(event->client, sizeof(event->client), "%s", host);
	snprintf(reason, sizeof(reason), "sshd doesn't let the user in: %.400s", at);
	return refused(event, WHY_SAYS_WHY, "let sshd's AllowUsers, AllowGroups, DenyUsers and DenyGroups admit the user: "
	    "grep -riE '(allow|deny)(users|groups)' /etc/ssh", reason);
}

/* "Access denied for user NAME by PAM account configuration". */
static enum why_kind
account_line(const char *message, const char *user, struct why_event *event)
{
	const char *rest = after(after(message, "Access denied for user "), user);

	if (rest == NULL || strcmp(rest, " by PAM account configuration") != 0)
		return WHY_NOTHING;
	return refused(event, WHY_SAYS_THAT, "the line of the PAM module that refused says why",
	    "PAM's account step refused");
}

/* "AuthorizedKeysCommand PROGRAM NAME …": only for users whom NSS knows. */
static enum why_kind
keys_command_line(const char *message, const char *user, struct why_event *event)
{
	const char *rest = after(message, "AuthorizedKeysCommand "), *end;
	char reason[512];

	if (rest == NULL)
		return WHY_NOTHING;
	rest = after(rest + strcspn(rest, " "), " ");
	if (after(after(rest, user), " ") == NULL)
		return WHY_NOTHING;
	end = strstr(rest, " failed, status ");
	snprintf(reason, sizeof(reason), "the keys command failed%.40s", end != NULL ? end + strlen(" failed") : "");
	return refused(event, WHY_SAYS_WHAT, "berth-keys' own line beside it says why", reason);
}

static enum why_kind
nameless_line(const char *message, struct why_event *event)
{
	static const struct {
		const char *start, *cure;
	} LINES[] = {
		{ "Unsafe AuthorizedKeysCommand ",
		    "chown root:root the keys command and what it lies in; chmod go-w them" },
		{ "userauth_pubkey: signature algorithm ",
		    "let the client be brought up to date, or give it a key of another type (ssh-keygen -t ed25519)" },
		{ "PAM unable to dlopen(",
		    "apt-get install --reinstall berth, if the module is Berth's; or let nobody need it: berth setup --undo" },
		{ "Authentication refused: ", "chmod go-w what it names" },
		{ "AuthorizedKeysCommandUser ", "berth setup, which names the user berth-keys" },
	};

	for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
		if (after(message, LINES[i].start) == NULL)
			continue;
		refused(event, WHY_SAYS_WHY, LINES[i].cure, message);
		return event->kind = WHY_NAMELESS;
	}
	return WHY_NOTHING;
}

/* quoted_reason: what stands in the quotes of reason="…", the last thing in the line, or NULL. Quotes in a reason were
 * replaced by who wrote the line. */
static char *
quoted_reason(char *message)
{
	static const char start[] = " reason=\"";
	char *at = strstr(message, start);

	if (at == NULL)
		return NULL;
	at += strlen(start);
	return cut_end(at, "\"") && strchr(at, '"') == NULL ? at : NULL;
}

/* "pam_berth(SERVICE:HOOK): refused user=NAME client=ADDRESS reason="…"", and the end of a session that needs its log. */
static enum why_kind
pam_line(char *message, const char *user, struct why_event *event)
{
	char *text = strstr(message, "): "), *reason, *client;
	const char *rest;

	if (text == NULL || (reason = quoted_reason(text)) == NULL)
		return WHY_NOTHING;
	text += strlen("): ");
	event->who = WHY_PAM_BERTH;
	if ((rest = after(text, "refused user=")) == NULL && (rest = after(text, "session ended user=")) == NULL)
		return WHY_NOTHING;
	rest = after(rest, user);
	if (rest == NULL || *rest != ' ')
		return WHY_NOTHING;
	if ((rest = after(rest, " client=")) != NULL) {
		client = event->client;
		snprintf(client, WHY_CLIENT_MAX, "%.*s", (int)strcspn(rest, " "), rest);
		if (strcmp(client, "-") == 0)
			client[0] = '\0';
	}
	return refused(event, WHY_SAYS_WHY, cure_of(reason), reason);
}

/* "pam_NAME(sshd:account): …": another module's account step, which ends a login when it stands before Berth's. */
static enum why_kind
module_line(const char *message, struct why_event *event)
{
	if (after(message, "pam_") == NULL || after(message + strcspn(message, "("), "(sshd:account): ") == NULL)
		return WHY_NOTHING;
	refused(event, WHY_SAYS_WHY, "look at this module's account line in /etc/pam.d/sshd; berth doctor", message);
	return event->kind = WHY_NAMELESS;
}

static enum why_kind
sshd_line(char *message, const char *user, struct why_event *event)
{
	const char *text = message;
	enum why_kind kind;

	event->who = WHY_SSHD;
	if (after(message, "pam_berth(") != NULL)
		return pam_line(message, user, event);
	cut_end(message, " [preauth]");
	if (after(message, "error: ") != NULL || after(message, "fatal: ") != NULL)
		text += strlen("error: ");
	if ((kind = named_line(text, user, event)) == WHY_NOTHING &&
	    (kind = method_line(text, user, event)) == WHY_NOTHING &&
	    (kind = account_line(text, user, event)) == WHY_NOTHING &&
	    (kind = not_allowed_line(text, user, event)) == WHY_NOTHING &&
	    (kind = keys_command_line(text, user, event)) == WHY_NOTHING)
		kind = after(text, "pam_") != NULL ? module_line(text, event) : nameless_line(text, event);
	return kind;
}

/* The agent's lines that name a user: "START user=NAME …". */
static enum why_kind
berthd_line(char *message, const char *user, struct why_event *event)
{
	static const char *const STARTS[] = { "record not served: user=", "record can't be fetched: user=",
		"part of a record can't be used: user=", "no record to serve, the lookup is answered UNAVAILABLE: user=" };
	static const char stranger[] = "key is not the user's: user=";
	static const char *const FOR_ALL[] = { "store can't be read, lookups are answered UNAVAILABLE: ",
		"store can't be asked: ", "store opened, but not its server: ", "local accounts can't be read, ",
		"no record to serve, the lookup is answered UNAVAILABLE: server=" };
	const char *rest, *key;
	char text[512], *reason;

	event->who = WHY_BERTHD;
	rest = after(after(message, stranger), user);
	if (rest != NULL && *rest == ' ') {
		key = strstr(rest, " key=");
		snprintf(text, sizeof(text), "a key was offered that isn't among the user's: %.100s",
		    key != NULL ? key + strlen(" key=") : "-");
		return refused(event, WHY_SAYS_WHY, "berth admin import-ssh-public-key --user-name USER "
		    "--ssh-public-key-body file://KEY.pub, if it is to open this user", text);
	}
	for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
		rest = after(after(message, STARTS[i]), user);
		if (rest == NULL || *rest != ' ' || (reason = quoted_reason(message)) == NULL)
			continue;
		snprintf(text, sizeof(text), "%.*s: %.400s", (int)strcspn(STARTS[i], ":"), STARTS[i], reason);
		return refused(event, WHY_SAYS_WHY, cure_of(reason), text);
	}
	for (size_t i = 0; i < sizeof(FOR_ALL) / sizeof(FOR_ALL[0]); i++) {
		if (after(message, FOR_ALL[i]) == NULL)
			continue;
		refused(event, WHY_SAYS_WHY, "berth doctor", message);
		return event->kind = WHY_FOR_ALL;
	}
	return WHY_NOTHING;
}

/* "no keys: user=NAME reason="…"". */
static enum why_kind
keys_line(char *message, const char *user, struct why_event *event)
{
	const char *rest = after(after(message, "no keys: user="), user);
	char *reason;

	event->who = WHY_BERTH_KEYS;
	if (rest == NULL || *rest != ' ' || (reason = quoted_reason(message)) == NULL)
		return WHY_NOTHING;
	return refused(event, WHY_SAYS_WHY, cure_of(reason), reason);
}

enum why_kind
why_message(const char *program, const char *message, const char *user, struct why_event *event)
{
	char copy[MESSAGE_MAX];

	event->kind = WHY_NOTHING;
	event->client[0] = '\0';
	if (strlen(message) >= sizeof(copy) || user[0] == '\0')
		return WHY_NOTHING;
	memcpy(copy, message, strlen(message) + 1);
	if (is_sshd(program))
		event->kind = sshd_line(copy, user, event);
	else if (strcmp(program, "berthd") == 0)
		event->kind = berthd_line(copy, user, event);
	else if (strcmp(program, "berth-keys") == 0)
		event->kind = keys_line(copy, user, event);
	return event->kind;
}

int
why_message_may_matter(const char *line, const char *user)
{
	return strstr(line, user) != NULL || strstr(line, "AuthorizedKeysCommand") != NULL ||
	    strstr(line, "Authentication refused: ") != NULL || strstr(line, "userauth_pubkey: ") != NULL ||
	    strstr(line, "PAM unable to ") != NULL || strstr(line, "(sshd:account): ") != NULL ||
	    strstr(line, "store ") != NULL || strstr(line, "no record to serve") != NULL ||
	    strstr(line, "local accounts") != NULL;
}
