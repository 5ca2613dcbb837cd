/*
 * /etc/passwd as a file. Every lookup of a local user's groups passes here, so it is one open and a few large reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/host/passwd_file.h"
#include "common/host/paths.h"
#include "common/wire/limits.h"

#define CHUNK      8192 /* on the stack of any thread of any program */
#define FIELD_KEEP 256  /* what is kept of a field in a line longer than a chunk: still longer than any name of ours */

/* uid_from: a decimal number as strtoul(3) reads it in glibc's own parser; ID_NONE when it is none. */
static uint32_t
uid_from(const char *text, const char *end)
{
	uint64_t value = 0;

	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	if (text < end && *text == '+')
		text++;
	if (text == end)
		return ID_NONE;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return ID_NONE;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value >= ID_NONE)
			return ID_NONE;
	}
	return (uint32_t)value;
}

/* visit_line: name:password:uid:…; false when the visitor wants no more. */
static bool
visit_line(const char *line, size_t length, passwd_file_visit *visit, void *context)
{
	const char *end = line + length, *name_end, *password_end, *uid_end = NULL;
	uint32_t uid = ID_NONE;

	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (line == end || *line == '#' || *line == '+' || *line == '-')
		return true;
	name_end = memchr(line, ':', (size_t)(end - line));
	if (name_end == NULL)
		return true;
	password_end = memchr(name_end + 1, ':', (size_t)(end - name_end - 1));
	if (password_end != NULL)
		uid_end = memchr(password_end + 1, ':', (size_t)(end - password_end - 1));
	if (uid_end != NULL)
		uid = uid_from(password_end + 1, uid_end);
	return visit(context, line, (size_t)(name_end - line), uid);
}

/*
 * shorten: makes room in a line that fills the whole chunk: of its first three fields at most FIELD_KEEP bytes stay, of
 * the others none. Returns the new length.
 */
static size_t
shorten(char *line, size_t length)
{
	size_t to = 0, fields = 0, in_field = 0;

	for (size_t i = 0; i < length && fields < 3; i++) {
		if (line[i] == ':') {
			fields++;
			in_field = 0;
			line[to++] = ':';
		} else if (in_field++ < FIELD_KEEP) {
			line[to++] = line[i];
		}
	}
	return to;
}

/* visit_lines: every whole line of the buffer; *used is what is left of it, moved to the front. False: no more wanted. */
static bool
visit_lines(char *buffer, size_t *used, passwd_file_visit *visit, void *context)
{
	char *line = buffer, *end = buffer + *used, *newline;
	bool more = true;

	while (more && (newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		more = visit_line(line, (size_t)(newline - line), visit, context);
		line = newline + 1;
	}
	*used = (size_t)(end - line);
	memmove(buffer, line, *used);
	if (*used == CHUNK)
		*used = shorten(buffer, CHUNK);
	return more;
}

static int
each_line(int fd, passwd_file_visit *visit, void *context)
{
	char buffer[CHUNK];
	size_t used = 0;
	ssize_t count;

	for (;;) {
		count = read(fd, buffer + used, CHUNK - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		used += (size_t)count;
		if (!visit_lines(buffer, &used, visit, context))
			return 0;
	}
	if (used > 0)
		visit_line(buffer, used, visit, context); /* a last line without its newline */
	return 0;
}

int
passwd_file_each(const char *path, passwd_file_visit *visit, void *context)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int result, saved;

	if (fd < 0)
		return -1;
	result = each_line(fd, visit, context);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

struct search {
	const char *name;
	size_t name_length;
	uint32_t uid;
	bool name_taken, uid_taken;
};

static bool
search_visit(void *context, const char *name, size_t length, uint32_t uid)
{
	struct search *search = context;

	if (search->name != NULL && length == search->name_length && memcmp(name, search->name, length) == 0)
		search->name_taken = true;
	if (search->uid != ID_NONE && uid == search->uid)
		search->uid_taken = true;
	return (search->name != NULL && !search->name_taken) || (search->uid != ID_NONE && !search->uid_taken);
}

int
passwd_file_find(const char *name, uint32_t uid, bool *name_taken, bool *uid_taken)
{
	struct search search = { .name = name, .name_length = name != NULL ? strlen(name) : 0, .uid = uid };

	/* Said before the file is read, for a caller that forgets to look at the return value. */
	*name_taken = *uid_taken = true;
	if (passwd_file_each(BERTH_PASSWD_FILE, search_visit, &search) != 0)
		return -1;
	*name_taken = search.name_taken;
	*uid_taken = search.uid_taken;
	return 0;
}
