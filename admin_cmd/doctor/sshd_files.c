#include "admin_cmd/doctor/sshd_files.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "admin_cmd/wiring/sshd_settings.h"

#define BLANK " \t"

/* list_files: in the order in which sshd reads them where sshd_config begins with its Include line, as Debian's does. */
static void
list_files(glob_t *files)
{
	memset(files, 0, sizeof(*files));
	glob(SSHD_CONFIG_DIR "/*.conf", 0, NULL, files);
	glob(SSHD_CONFIG_FILE, GLOB_APPEND, NULL, files);
}

static bool
gives_other(const char *line, const char *keyword, const char *expected)
{
	size_t length = strlen(keyword);

	line += strspn(line, BLANK);
	if (strncasecmp(line, keyword, length) != 0 || strchr(BLANK "=", line[length]) == NULL || line[length] == '\0')
		return false;
	line += length + strspn(line + length, BLANK "=");
	length = strcspn(line, "\r\n");
	while (length > 0 && strchr(BLANK, line[length - 1]) != NULL)
		length--;
	return strlen(expected) != length || strncasecmp(line, expected, length) != 0;
}

static unsigned
find_line(const char *path, const char *keyword, const char *expected)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0, found = 0;

	while (file != NULL && found == 0 && getline(&line, &size, file) > 0) {
		number++;
		if (gives_other(line, keyword, expected))
			found = number;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return found;
}

void
sshd_files_find(const char *keyword, const char *expected, char *where, size_t size)
{
	unsigned line = 0;
	glob_t files;

	where[0] = '\0';
	list_files(&files);
	for (size_t i = 0; i < files.gl_pathc && line == 0; i++) {
		line = find_line(files.gl_pathv[i], keyword, expected);
		if (line > 0)
			snprintf(where, size, "%s line %u", files.gl_pathv[i], line);
	}
	globfree(&files);
}

struct timespec
sshd_files_changed(char *file, size_t size)
{
	struct timespec newest = { 0 };
	struct stat status;
	glob_t files;

	file[0] = '\0';
	list_files(&files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		/* The change of the inode: cp -p and rsync put the contents' time back. */
		if (stat(files.gl_pathv[i], &status) != 0 || status.st_ctim.tv_sec < newest.tv_sec ||
		    (status.st_ctim.tv_sec == newest.tv_sec && status.st_ctim.tv_nsec <= newest.tv_nsec))
			continue;
		newest = status.st_ctim;
		snprintf(file, size, "%s", files.gl_pathv[i]);
	}
	globfree(&files);
	return newest;
}
