/* file://PATH and fileb://PATH in place of a value. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/admin/value.h"
#include "common/model/text.h"

/* The path after the prefix, "~/" as the home directory: no shell expands it there. malloc'ed; NULL: no memory. */
static char *
expand_path(const char *path)
{
	const char *home = getenv("HOME");
	char *expanded;

	if (strncmp(path, "~/", 2) != 0 || home == NULL)
		return strdup(path);
	return asprintf(&expanded, "%s%s", home, path + 1) == -1 ? NULL : expanded;
}

/* All that the descriptor has, closed with NUL. malloc'ed; NULL with errno, EFBIG when it is too long. */
static char *
read_all(int fd, size_t *length)
{
	size_t size = 64 * 1024;
	char *text = malloc(size), *larger;
	ssize_t got;

	*length = 0;
	while (text != NULL && (got = read(fd, text + *length, size - *length)) != 0) {
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			goto fail;
		*length += (size_t)got;
		if (*length > VALUE_FILE_MAX) {
			errno = EFBIG;
			goto fail;
		}
		if (*length < size)
			continue;
		if ((larger = realloc(text, size *= 2)) == NULL)
			goto fail;
		text = larger;
	}
	if (text != NULL)
		text[*length] = '\0'; /* the loop goes on only with a byte to spare */
	return text;
fail:
	free(text);
	return NULL;
}

static char *
load_file(const char *flag_name, const char *word, const char *path, struct api_error *error)
{
	char *expanded = expand_path(path), *text = NULL;
	const char *problem = NULL;
	size_t length = 0;
	int fd = -1;

	if (expanded == NULL || (fd = open(expanded, O_RDONLY | O_CLOEXEC | O_NOCTTY)) == -1 ||
	    (text = read_all(fd, &length)) == NULL)
		problem = strerror(errno);
	else if (strlen(text) != length)
		problem = "it holds a NUL byte";
	if (problem != NULL) {
		api_fail(error, API_VALIDATION, "Error parsing parameter '--%s': Unable to load paramfile %s: %s",
		    flag_name, word, problem);
		free(text);
		text = NULL;
	}
	if (fd != -1)
		close(fd);
	free(expanded);
	return text;
}

char *
value_load(const char *flag_name, const char *word, struct api_error *error)
{
	char *text;

	if (strncmp(word, "file://", 7) == 0)
		text = load_file(flag_name, word, word + 7, error);
	else if (strncmp(word, "fileb://", 8) == 0)
		text = load_file(flag_name, word, word + 8, error);
	else if ((text = strdup(word)) == NULL)
		api_fail_memory(error);
	if (text == NULL || text_is_utf8(text, strlen(text), NULL))
		return text;
	api_fail(error, API_VALIDATION, "Error parsing parameter '--%s': the value is not UTF-8", flag_name);
	free(text);
	return NULL;
}
