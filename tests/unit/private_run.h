/*
 * For tests of paths that are compiled in: a mount namespace of the test's own, with an empty /run and /run/berth. The
 * host's files are never touched. Needs root; without it the tests are skipped, and counted so.
 */
#ifndef BERTH_PRIVATE_RUN_H
#define BERTH_PRIVATE_RUN_H

#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static inline void
private_run_skipped(void **state)
{
	(void)state;
	skip();
}

/* private_run_enter: enters it, or turns every test of the list into a skipped one, and says why. */
static inline void
private_run_enter(struct CMUnitTest *tests, size_t count)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0 && mkdir("/run/berth", 0755) == 0)
		return;
	fprintf(stderr, "skipped: these tests need root and a mount namespace of their own\n");
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ .name = tests[i].name, .test_func = private_run_skipped };
}

/* private_file: puts a file of the test's own in the place of the host's, in this namespace alone. */
static inline int
private_file(const char *path, const char *text)
{
	static unsigned number;
	char copy[64];
	FILE *file;

	snprintf(copy, sizeof(copy), "/run/private-%u", number++);
	file = fopen(copy, "we");
	if (file == NULL)
		return -1;
	if (fputs(text, file) < 0) {
		fclose(file);
		return -1;
	}
	if (fclose(file) != 0 || chmod(copy, 0644) != 0)
		return -1;
	return mount(copy, path, NULL, MS_BIND, NULL);
}

#endif
