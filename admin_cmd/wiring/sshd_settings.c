#include "admin_cmd/wiring/sshd_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/run_program.h"

/* What sshd asks of a login to judge it, besides the user and where from; no Match line of ours looks at these. */
#define CONNECTION "host=localhost,laddr=127.0.0.1,lport=22"

#define NO_EMPTY_DIR "Missing privilege separation directory: " SSHD_EMPTY_DIR

/* run: as run_program() does it. An sshd that runs without its directory is for the doctor to find, not for us to mend. */
static int
run(const char *const argv[], struct program_result *result)
{
	if (run_program(argv, NULL, result) != 0)
		return -1;
	if (result->status == 0 || strcmp(program_said(result), NO_EMPTY_DIR) != 0 || access(SSHD_PID_FILE, F_OK) == 0 ||
	    mkdir(SSHD_EMPTY_DIR, 0755) != 0)
		return 0;
	program_free(result);
	return run_program(argv, NULL, result);
}

/* ask: 0 when sshd ended well. Either way program_free() releases *result. */
static int
ask(const char *const argv[], struct program_result *result, char *why)
{
	const char *said;

	if (run(argv, result) != 0) {
		snprintf(why, SSHD_WHY_MAX, SSHD_PROGRAM ": %s", strerror(errno));
		return -1;
	}
	if (result->status == 0)
		return 0;
	said = result->timed_out ? "it gives no answer" : program_said(result);
	if (said[0] == '\0')
		snprintf(why, SSHD_WHY_MAX, SSHD_PROGRAM " ended with status %d", result->status);
	else
		snprintf(why, SSHD_WHY_MAX, "%.480s", said);
	return -1;
}

int
sshd_test(char *why)
{
	const char *const argv[] = { SSHD_PROGRAM, "-t", NULL };
	struct program_result result;
	int answer = ask(argv, &result, why);

	program_free(&result);
	return answer;
}

int
sshd_settings_read(struct sshd_settings *settings, const char *user, const char *client, char *why)
{
	char connection[512];
	const char *argv[] = { SSHD_PROGRAM, "-T", "-C", connection, NULL };
	struct program_result result;

	settings->text = NULL;
	if (user == NULL) {
		argv[2] = NULL;
	} else if (snprintf(connection, sizeof(connection), CONNECTION ",user=%s,addr=%s", user, client) >=
	    (int)sizeof(connection)) {
		snprintf(why, SSHD_WHY_MAX, "the user's name or the address is too long");
		return -1;
	}
	if (ask(argv, &result, why) == 0) {
		settings->text = result.output;
		result.output = NULL;
	}
	program_free(&result);
	return settings->text != NULL ? 0 : -1;
}

void
sshd_settings_free(struct sshd_settings *settings)
{
	free(settings->text);
	settings->text = NULL;
}

int
sshd_settings_value(const struct sshd_settings *settings, const char *keyword, size_t number, char *value, size_t size)
{
	size_t length = strlen(keyword);
	const char *line = settings->text, *end;

	for (; *line != '\0'; line = *end == '\n' ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, keyword, length) != 0 || strchr(" \n", line[length]) == NULL)
			continue;
		if (number-- > 0)
			continue;
		line += length + (line[length] == ' ');
		return snprintf(value, size, "%.*s", (int)(end - line), line);
	}
	return -1;
}
