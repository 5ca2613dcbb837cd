/*
 * rename_race: swaps names as fast as it can, until it is killed.
 *
 *   rename_race exchange A B       A and B change places
 *   rename_race replace NAME REAL  whenever NAME appears, it is moved away, and REAL takes its place for a while
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
exchange(const char *a, const char *b)
{
	for (;;)
		if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) != 0)
			return 1;
}

static int
replace(const char *name, const char *real)
{
	char away[4096];
	struct stat status;

	for (unsigned i = 0;; i++) {
		if (lstat(name, &status) != 0)
			continue;
		if (snprintf(away, sizeof(away), "%s.%u", name, i) >= (int)sizeof(away))
			return 1;
		/* NAME may have been made again already. */
		if (rename(name, away) != 0 || rename(real, name) != 0)
			continue;
		/* Long enough for whoever made NAME to come back to it by its name. */
		usleep(i % 4 * 50);
		if (rename(name, real) != 0)
			return 1;
	}
}

int
main(int argc, char **argv)
{
	int status = 2;

	if (argc == 4 && strcmp(argv[1], "exchange") == 0)
		status = exchange(argv[2], argv[3]);
	else if (argc == 4 && strcmp(argv[1], "replace") == 0)
		status = replace(argv[2], argv[3]);
	if (status == 2)
		fprintf(stderr, "usage: rename_race exchange A B | replace NAME REAL\n");
	else
		fprintf(stderr, "rename_race: %s\n", strerror(errno));
	return status;
}
