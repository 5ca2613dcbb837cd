/*
 * Log files. Whoever may write to /dev/log can write lines there under any name; the journal knows better.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/run_program.h"
#include "admin_cmd/why/why.h"
#include "admin_cmd/why/why_line.h"
#include "common/model/timestamp.h"

#define AUTH_LOG "/var/log/auth.log"
#define ROTATED_MAX 60

static void
take_line(struct why *why, char *line, double now)
{
	struct why_line read;

	line[strcspn(line, "\n")] = '\0';
	if (why_message_may_matter(line, why->user) && why_line_read(line, now, &read) && why_program(read.program))
		why_add(why, read.time, read.program, read.pid, read.message);
}

static int
complain(const char *path, const char *problem)
{
	fprintf(stderr, WHY_COMMAND ": %s: %s\n", path, problem);
	return -1;
}

static int
read_plain(struct why *why, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat status;
	char *line = NULL;
	size_t size = 0;
	double now = timestamp_now();

	if (file == NULL || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		complain(path, file == NULL ? strerror(errno) : "not a regular file");
		if (file != NULL)
			fclose(file);
		else if (fd >= 0)
			close(fd);
		return -1;
	}
	while (getline(&line, &size, file) >= 0)
		take_line(why, line, now);
	free(line);
	fclose(file);
	why_looked(why, path);
	return 0;
}

/* read_compressed: the lines that hold the name, which is all that there is room for. */
static int
read_compressed(struct why *why, const char *path)
{
	char *whole = realpath(path, NULL); /* programs are run elsewhere */
	const char *const argv[] = { "/usr/bin/zgrep", "-a", "-F", "-e", why->user, "--", whole, NULL };
	double now = timestamp_now();
	struct program_result result;
	int answer = 0;

	if (whole == NULL)
		return complain(path, strerror(errno));
	if (run_program(argv, NULL, &result) != 0)
		answer = complain("/usr/bin/zgrep", strerror(errno));
	else if (result.status > 1 || result.timed_out)
		answer = complain(path, result.timed_out ? "reading it takes too long" : program_said(&result));
	if (answer == 0) {
		for (char *rest = result.output, *line; (line = strsep(&rest, "\n")) != NULL;)
			take_line(why, line, now);
		why_looked(why, path);
	}
	program_free(&result);
	free(whole);
	return answer;
}

int
why_read_file(struct why *why, const char *path)
{
	size_t length = strlen(path);

	if (length > 3 && strcmp(path + length - 3, ".gz") == 0)
		return read_compressed(why, path);
	return read_plain(why, path);
}

/* rotated: the name of the n-th copy, 0 being the log itself; false when there is none that reaches back so far. */
static bool
rotated(const struct why *why, unsigned number, char path[64])
{
	struct stat status;

	snprintf(path, 64, number == 0 ? AUTH_LOG : AUTH_LOG ".%u", number);
	if (number > 0 && access(path, F_OK) != 0)
		snprintf(path, 64, AUTH_LOG ".%u.gz", number);
	return stat(path, &status) == 0 && (double)status.st_mtim.tv_sec + 1 >= why->since;
}

int
why_read_files(struct why *why)
{
	char path[64];
	unsigned count = 1;

	if (access(AUTH_LOG, F_OK) != 0)
		return complain(AUTH_LOG, "there is neither this log nor a journal; --log FILE names another");
	while (count < ROTATED_MAX && rotated(why, count, path))
		count++;
	/* The oldest first. */
	while (--count > 0)
		if (rotated(why, count, path) && why_read_file(why, path) != 0)
			return -1;
	return why_read_file(why, AUTH_LOG);
}
