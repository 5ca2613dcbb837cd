/*
 * The journal. Who wrote an entry, journald knows from the kernel: a line that somebody else wrote under sshd's name is
 * passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/run_program.h"
#include "admin_cmd/why/why.h"
#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/limits.h"

#define JOURNALCTL "/usr/bin/journalctl"
#define JOURNAL_SECONDS 60
#define MESSAGE_MAX 4096
#define ENTRIES_MAX "20000" /* more than PROGRAM_OUTPUT_MAX holds; of a busy host's millions the rest would only take time */

struct trusted {
	uint32_t agent, keys; /* uids; ID_NONE: there is no such account */
};

struct search {
	const char *name;
	uint32_t uid;
};

static bool
visit(void *context, const char *name, size_t length, uint32_t uid)
{
	struct search *search = context;

	if (strlen(search->name) != length || memcmp(search->name, name, length) != 0)
		return true;
	search->uid = uid;
	return false;
}

static uint32_t
uid_of(const char *name)
{
	struct search search = { .name = name, .uid = ID_NONE };

	passwd_file_each(BERTH_PASSWD_FILE, visit, &search);
	return search.uid;
}

static const char *
field(const cJSON *entry, const char *name)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, name));

	return value != NULL ? value : "";
}

/* message_of: a text that isn't UTF-8, or holds control characters, comes as a list of bytes. */
static bool
message_of(const cJSON *entry, char message[MESSAGE_MAX])
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "MESSAGE"), *byte;
	size_t length = 0;

	if (cJSON_IsString(item))
		return snprintf(message, MESSAGE_MAX, "%s", item->valuestring) < MESSAGE_MAX;
	cJSON_ArrayForEach(byte, item) {
		if (!cJSON_IsNumber(byte) || byte->valueint <= 0 || byte->valueint > 255 || length + 1 >= MESSAGE_MAX)
			return false;
		message[length++] = (char)byte->valueint;
	}
	message[length] = '\0';
	return length > 0;
}

/*
 * is_trusted: whether the program itself wrote it. Root may write anything anyway; a process that ended before journald could
 * look it up has no _COMM, but its uid came with the line.
 */
static bool
is_trusted(const cJSON *entry, const char *program, const struct trusted *trusted)
{
	const char *text = field(entry, "_UID"), *command = field(entry, "_COMM");
	uint32_t uid, allowed = 0;
	char *end;

	uid = (uint32_t)strtoul(text, &end, 10);
	if (text[0] == '\0' || *end != '\0')
		return false;
	if (strcmp(program, "berthd") == 0)
		allowed = trusted->agent;
	else if (strcmp(program, "berth-keys") == 0)
		allowed = trusted->keys;
	if (uid != 0 && (uid != allowed || allowed == ID_NONE))
		return false;
	return command[0] == '\0' || why_program(command);
}

static void
take_entry(struct why *why, const char *line, const struct trusted *trusted)
{
	cJSON *entry = cJSON_Parse(line);
	const char *program = field(entry, "SYSLOG_IDENTIFIER");
	char message[MESSAGE_MAX];

	if (why_program(program) && is_trusted(entry, program, trusted) && message_of(entry, message))
		why_add(why, strtod(field(entry, "__REALTIME_TIMESTAMP"), NULL) / 1e6, program,
		    (pid_t)strtol(field(entry, "_PID"), NULL, 10), message);
	cJSON_Delete(entry);
}

/* take_entries: the newest come first; each line is cut off the end. */
static void
take_entries(struct why *why, char *text, const struct trusted *trusted)
{
	char *start;

	for (char *end = text + strlen(text); end > text; end = start) {
		if (end[-1] == '\n')
			*--end = '\0';
		start = end;
		while (start > text && start[-1] != '\n')
			start--;
		take_entry(why, start, trusted);
		*start = '\0';
	}
}

static int
has_journal(void)
{
	return access("/var/log/journal", F_OK) == 0 || access("/run/log/journal", F_OK) == 0;
}

int
why_read_journal(struct why *why, const struct config *config)
{
	const struct trusted trusted = { uid_of(config->user), uid_of(config->keys_user) };
	const struct program_options options = { .seconds = JOURNAL_SECONDS };
	char since[40];
	const char *const argv[] = { JOURNALCTL, "--no-pager", "--quiet", "--output=json", "--reverse",
		"--lines=" ENTRIES_MAX,
		"--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_UID,_COMM,_PID", since, "SYSLOG_IDENTIFIER=sshd",
		"SYSLOG_IDENTIFIER=sshd-session", "SYSLOG_IDENTIFIER=sshd-auth", "SYSLOG_IDENTIFIER=berthd",
		"SYSLOG_IDENTIFIER=berth-keys", NULL };
	struct program_result result;
	int answer = 1;

	if (!has_journal())
		return 0;
	snprintf(since, sizeof(since), "--since=@%.0f", why->since);
	if (run_program(argv, &options, &result) != 0) {
		answer = errno == ENOENT ? 0 : -1;
		if (answer == -1)
			fprintf(stderr, WHY_COMMAND ": " JOURNALCTL ": %s\n", strerror(errno));
	} else if (result.status != 0) {
		fprintf(stderr, WHY_COMMAND ": " JOURNALCTL ": %s\n",
		    result.timed_out ? "gives no answer" : program_said(&result));
		answer = -1;
	} else {
		why_looked(why, result.output_length == PROGRAM_OUTPUT_MAX ? "the journal (its newest part)" : "the journal");
		take_entries(why, result.output, &trusted);
	}
	program_free(&result);
	return answer;
}
