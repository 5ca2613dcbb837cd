#include "admin_cmd/setup/texts.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin_cmd/wiring/sshd_settings.h"

#define BLANKS " \t\r\n"
#define KEYS_USER "AuthorizedKeysCommandUser"

static const char new_config[] =
    "# Berth: see berth.conf(5). What isn't said here has its default; `berthd -t` checks it, and then\n"
    "# `systemctl reload berthd` reads it.\n"
    "\n"
    "# The server whose users log in here.\n"
    "ServerId  %s\n"
    "\n"
    "# A Target's first component names a bucket: a directory in here,\n"
    "DataRoot  /srv/berth\n"
    "# or one that a line names, a mount for instance:\n"
    "#Bucket   partner-inbox /mnt/partner-inbox\n"
    "\n"
    "# Where the users are kept: here, or elsewhere (then a ServerId of there).\n"
    "#Store    sqlite:/var/lib/berth/berth.db\n"
    "#Store    transfer:https://users.example.net:8443\n";

char *
text_config(const char *text, const char *server_id)
{
	char *result = NULL;
	size_t length;
	int written;

	if (text == NULL) {
		written = asprintf(&result, new_config, server_id);
	} else {
		length = strlen(text);
		written = asprintf(&result, "%s%sServerId %s\n", text, length > 0 && text[length - 1] != '\n' ? "\n" : "",
		    server_id);
	}
	return written < 0 ? NULL : result;
}

char *
text_sshd_drop_in(const char *packaged, const char *keys_user)
{
	const char *line = strstr(packaged, "\n" KEYS_USER), *word, *end;
	char *result = NULL;

	if (line == NULL)
		return strdup(packaged);
	word = line + strlen("\n" KEYS_USER);
	word += strspn(word, " \t");
	end = word + strcspn(word, BLANKS);
	return asprintf(&result, "%.*s%s%s", (int)(word - packaged), packaged, keys_user, end) < 0 ? NULL : result;
}

/* reads: whether one of the words of an Include is a pattern for the path. */
static bool
reads(char *words, const char *path)
{
	char pattern[1024], *rest = words, *word;

	while ((word = strtok_r(rest, BLANKS "\"", &rest)) != NULL && word[0] != '#') {
		snprintf(pattern, sizeof(pattern), "%s%s", word[0] == '/' ? "" : "/etc/ssh/", word);
		if (fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	}
	return false;
}

bool
text_reads_drop_in(const char *sshd_config, const char *path)
{
	char *copy = strdup(sshd_config), *lines = copy, *line, *keyword;
	bool found = false;

	while (!found && (line = strsep(&lines, "\n")) != NULL) {
		keyword = strtok_r(line, BLANKS "=\"", &line);
		if (keyword == NULL)
			continue;
		if (strcasecmp(keyword, "Match") == 0)
			break;
		found = strcasecmp(keyword, "Include") == 0 && reads(line + strspn(line, "= \t"), path);
	}
	free(copy);
	return found;
}

char *
text_include_add(const char *sshd_config, const char *path)
{
	char *result = NULL;

	return asprintf(&result, "Include %s\n%s", path, sshd_config) < 0 ? NULL : result;
}

char *
text_include_remove(const char *sshd_config, const char *path)
{
	char line[1024];
	size_t length = (size_t)snprintf(line, sizeof(line), "Include %s\n", path);

	return strdup(strncmp(sshd_config, line, length) == 0 ? sshd_config + length : sshd_config);
}
