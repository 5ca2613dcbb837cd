#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/host/paths.h"
#include "keys_cmd/pam_stack.h"

#define WHITE_SPACE " \t\r\v\f"

/* read_service: the file, closed with NUL; its length, or -1 with errno. */
static ssize_t
read_service(char *text, size_t size)
{
	ssize_t count, used = 0;
	int fd = open(BERTH_PAM_SERVICE_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -1;
	do {
		count = read(fd, text + used, size - 1 - (size_t)used);
		used += count > 0 ? count : 0;
	} while (count > 0 || (count < 0 && errno == EINTR));
	close(fd);
	if (count == 0 && (size_t)used == size - 1) {
		errno = EFBIG;
		return -1;
	}
	text[used] = '\0';
	return count < 0 ? -1 : used;
}

/* next_word: cuts the next word off *at; "" at the end. A word in brackets is one, white space and all: pam.conf(5). */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, WHITE_SPACE);
	size_t length = word[0] == '[' ? strcspn(word, "]") + 1 : strcspn(word, WHITE_SPACE);

	if (length > strlen(word))
		length = strlen(word);
	*at = word + length;
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

enum line { LINE_OTHER, LINE_OURS, LINE_NOT_OURS };

/* judge_line: ours, or something that libpam may ask before us. */
static enum line
judge_line(char *line)
{
	char *type = next_word(&line), *module, *slash;

	if (type[0] == '\0' || type[0] == '#')
		return LINE_OTHER;
	if (type[0] == '@')
		return LINE_NOT_OURS; /* @include: it may hold auth lines */
	if (strcasecmp(type + (type[0] == '-'), "auth") != 0)
		return LINE_OTHER;
	next_word(&line);
	module = next_word(&line);
	slash = strrchr(module, '/');
	return strcmp(slash == NULL ? module : slash + 1, BERTH_PAM_MODULE) == 0 ? LINE_OURS : LINE_NOT_OURS;
}

bool
pam_stack_seals(char *why, size_t size)
{
	static char text[65536];
	char *line, *rest = text, *end;
	enum line verdict = LINE_OTHER;
	ssize_t length = read_service(text, sizeof(text));

	if (length < 0 || strlen(text) != (size_t)length) {
		snprintf(why, size, BERTH_PAM_SERVICE_FILE " can't be read: %s", length < 0 ? strerror(errno) : "it holds a NUL");
		return false;
	}
	while (verdict == LINE_OTHER && (line = strsep(&rest, "\n")) != NULL) {
		end = line + strlen(line);
		/* A line that goes on in the next one is beyond this reading, so it isn't trusted. */
		verdict = end > line && end[-1] == '\\' ? LINE_NOT_OURS : judge_line(line);
	}
	if (verdict == LINE_OURS)
		return true;
	snprintf(why, size, "the first auth line of " BERTH_PAM_SERVICE_FILE " is not " BERTH_PAM_MODULE
	    ": sessions would not be sealed");
	return false;
}
