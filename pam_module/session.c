#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/passwd_file.h"
#include "pam_module/session.h"

/* In the logins of users who aren't Berth's. */
#define SHARES_TIMEOUT_MS 1000
/* Longer than any answer from a healthy agent takes, shorter than a person's patience. */
#define ASK_TIMEOUT_MS 5000

static int __attribute__((format(printf, 2, 3)))
refuse(char *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, REASON_MAX, format, arguments);
	va_end(arguments);
	return -1;
}

bool
session_path_valid(const char *path)
{
	size_t length = strlen(path);
	const char *at, *end;

	if (length == 0 || length > PATH_BYTES_MAX || path[0] != '/')
		return false;
	for (at = path; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	for (at = path; *at == '/' && at[1] != '\0'; at = end) {
		end = strchrnul(at + 1, '/');
		if (end == at + 1 || (end == at + 2 && at[1] == '.') || (end == at + 3 && at[1] == '.' && at[2] == '.'))
			return false;
	}
	return true;
}

bool
session_shows_all(const struct session *session)
{
	return session->landing[0] == '\0' || session->landing[1] == '\0';
}

/*
 * get_string: a string of the answer, closed with NUL where it lies. It is moved over its own length field, so nothing is
 * allocated and no other field is touched.
 */
static const char *
get_string(struct wire_in *in, uint8_t *answer, size_t max)
{
	const char *view;
	size_t length, start;

	view = wire_get_view(in, max, &length);
	if (in->bad || length == 0)
		return "";
	start = in->at - length - sizeof(uint32_t);
	memmove(answer + start, view, length);
	answer[start + length] = '\0';
	return (const char *)answer + start;
}

static int
parse_mappings(struct session *session, struct wire_in *in)
{
	struct session_mapping *mapping;
	uint32_t count = wire_get_u32(in), type;
	size_t i;

	if (in->bad || count > MAPPINGS_MAX || (session->mappings = calloc(count + 1, sizeof(*mapping))) == NULL)
		return -1;
	for (i = 0; i < count && !in->bad; i++) {
		mapping = &session->mappings[i];
		type = wire_get_u32(in);
		mapping->type = type == WIRE_MAPPING_FILE ? WIRE_MAPPING_FILE : WIRE_MAPPING_DIRECTORY;
		mapping->entry = get_string(in, session->answer, PATH_BYTES_MAX);
		mapping->target = get_string(in, session->answer, PATH_BYTES_MAX);
		if (in->bad || (type != WIRE_MAPPING_FILE && type != WIRE_MAPPING_DIRECTORY) ||
		    !session_path_valid(mapping->entry) || !session_path_valid(mapping->target))
			return -1;
	}
	session->mapping_count = count;
	return in->bad ? -1 : 0;
}

static bool
home_fits(const struct session *session)
{
	if (session->home_type == WIRE_HOME_LOGICAL)
		return session->mapping_count > 0 && session_path_valid(session->landing);
	return session->home_type == WIRE_HOME_PATH && session->mapping_count == 0 &&
	    (session->landing[0] == '\0' || session_path_valid(session->landing));
}

static bool
printable(const char *string)
{
	for (; *string != '\0'; string++)
		if (*string <= 0x20 || *string >= 0x7f)
			return false;
	return true;
}

int
session_parse(struct session *session, uint8_t *answer, size_t length, char *reason)
{
	struct wire_in in;
	size_t i;

	memset(session, 0, sizeof(*session));
	session->answer = answer;
	wire_in_init(&in, answer, length);
	wire_get_string(&in, session->server_id, SERVER_ID_LENGTH);
	session->uid = wire_get_u32(&in);
	session->gid = wire_get_u32(&in);
	session->secondary_gid_count = wire_get_u32(&in);
	if (session->secondary_gid_count > SECONDARY_GIDS_MAX)
		return refuse(reason, "the agent's answer has too many secondary gids");
	for (i = 0; i < session->secondary_gid_count; i++)
		session->secondary_gids[i] = wire_get_u32(&in);
	session->home_type = wire_get_u32(&in);
	session->landing = get_string(&in, answer, PATH_BYTES_MAX);
	if (parse_mappings(session, &in) != 0)
		return refuse(reason, "the agent's answer has a mapping that breaks the rules for paths");
	wire_get_string(&in, session->fingerprint, FINGERPRINT_MAX);
	if (!wire_in_done(&in) || !printable(session->server_id) || !printable(session->fingerprint) || !home_fits(session))
		return refuse(reason, "the agent's answer breaks the protocol");
	return 0;
}

int
session_judge(const struct session *session, const struct config *config, const struct passwd *entry, char *reason)
{
	bool name_taken, uid_taken;
	size_t i;

	if (!id_allowed(session->uid, config->min_uid))
		return refuse(reason, "Uid %u is below MinUid %u or reserved", session->uid, config->min_uid);
	if (!id_allowed(session->gid, config->min_gid))
		return refuse(reason, "Gid %u is below MinGid %u or reserved", session->gid, config->min_gid);
	for (i = 0; i < session->secondary_gid_count; i++)
		if (!id_allowed(session->secondary_gids[i], config->min_gid))
			return refuse(reason, "secondary gid %u is below MinGid %u or reserved", session->secondary_gids[i],
			    config->min_gid);
	if (session->uid != entry->pw_uid || session->gid != entry->pw_gid)
		return refuse(reason, "the record's ids %u:%u are not those of the passwd entry, %u:%u: it was changed just "
		    "now", session->uid, session->gid, (unsigned)entry->pw_uid, (unsigned)entry->pw_gid);
	if (session->home_type == WIRE_HOME_PATH && session_shows_all(session) && !config->path_shows_all)
		return refuse(reason, "HomeDirectoryType PATH without a HomeDirectory would show every bucket "
		    "(PathShowsAll yes allows it)");
	if (passwd_file_find(entry->pw_name, session->uid, &name_taken, &uid_taken) != 0)
		return refuse(reason, "/etc/passwd can't be read: %s", strerror(errno));
	if (name_taken)
		return refuse(reason, "the name stands in /etc/passwd: it is a local account's");
	if (uid_taken && !config_shares_uid(config, session->uid))
		return refuse(reason, "Uid %u stands in /etc/passwd: it is a local account's (ShareUid allows it)",
		    session->uid);
	return 0;
}

/* refuse_status: what an answer other than WIRE_OK means to an operator. */
static int
refuse_status(int status, uint8_t *answer, size_t length, char *reason)
{
	struct wire_in in;
	char said[256];

	switch (status) {
	case WIRE_NOT_FOUND:
		return refuse(reason, "the agent knows no such user (any more)");
	case WIRE_UNAVAILABLE:
		return refuse(reason, "the agent can't read its store now");
	case WIRE_REFUSED:
		wire_in_init(&in, answer, length);
		wire_get_string(&in, said, sizeof(said) - 1);
		return refuse(reason, "%s", wire_in_done(&in) ? said : "the agent gave no readable reason");
	case -1:
		return refuse(reason, "the agent doesn't answer: %s", strerror(errno));
	default:
		return refuse(reason, "the agent answered with status %d", status);
	}
}

int
session_ask(struct session *session, const struct config *config, const struct passwd *entry,
    const struct session_key *key, char *reason)
{
	const struct agent_patience patience = { .answer_ms = ASK_TIMEOUT_MS, .wait_ms = LOOKUP_SECONDS_MAX * 1000 };
	uint8_t memory[WIRE_REQUEST_MAX], *answer = NULL;
	struct wire_out request;
	size_t length = 0;
	int status;

	memset(session, 0, sizeof(*session));
	wire_out_init(&request, memory, sizeof(memory));
	wire_put_string(&request, entry->pw_name);
	wire_put_string(&request, key->type);
	wire_put_string(&request, key->base64);
	if (request.overflow)
		return refuse(reason, "the user name or key is too long");
	status = agent_ask_alloc(WIRE_SESSION, &request, &answer, WIRE_SESSION_MAX, &length, &patience);
	if (status != WIRE_OK) {
		refuse_status(status, answer, length, reason);
		free(answer);
		return -1;
	}
	if (session_parse(session, answer, length, reason) != 0)
		return -1;
	return session_judge(session, config, entry, reason);
}

void
session_free(struct session *session)
{
	free(session->mappings);
	free(session->answer);
	memset(session, 0, sizeof(*session));
}

bool
session_shares_name(const struct passwd *entry, const char *name)
{
	const struct agent_patience patience = { .answer_ms = SHARES_TIMEOUT_MS };
	uint8_t question[4 + USER_NAME_MAX], answer[4 + USER_NAME_MAX + 4 + 4 + 4 + PATH_BYTES_MAX];
	char found[USER_NAME_MAX + 1];
	bool name_taken, uid_taken;
	struct wire_out request;
	struct wire_in in;
	size_t length;
	uint32_t uid;

	if (entry != NULL)
		name = entry->pw_name; /* as sshd gives it to the keys command, whatever the client wrote */
	if (!user_name_valid(name))
		return false;
	if (passwd_file_find(name, ID_NONE, &name_taken, &uid_taken) == 0 && name_taken)
		return false;
	wire_out_init(&request, question, sizeof(question));
	wire_put_string(&request, name);
	if (agent_ask(WIRE_PASSWD_BY_NAME, &request, answer, sizeof(answer), &length, &patience) != WIRE_OK)
		return false;
	wire_in_init(&in, answer, length);
	wire_get_string(&in, found, USER_NAME_MAX);
	uid = wire_get_u32(&in);
	return in.bad || entry == NULL || uid == entry->pw_uid;
}

/* copy_word: one word of SSH_AUTH_INFO_0; returns where it ended, or NULL when it is empty or longer than max. */
static const char *
copy_word(char *to, const char *from, size_t max)
{
	size_t length = strcspn(from, " \n");

	if (length == 0 || length > max)
		return NULL;
	memcpy(to, from, length);
	to[length] = '\0';
	return from + length;
}

bool
session_key_parse(struct session_key *key, const char *auth_info)
{
	static const char method[] = "publickey ";
	const char *at = auth_info;

	memset(key, 0, sizeof(*key));
	if (at == NULL || strncmp(at, method, sizeof(method) - 1) != 0)
		return false;
	at = copy_word(key->type, at + sizeof(method) - 1, KEY_TYPE_MAX);
	if (at == NULL || *at != ' ')
		return false;
	at = copy_word(key->base64, at + 1, KEY_BASE64_MAX);
	/* One key, one line: a second method would be somebody's changed AuthenticationMethods, and a certificate has
	 * more words. */
	return at != NULL && (*at == '\0' || (at[0] == '\n' && at[1] == '\0'));
}
