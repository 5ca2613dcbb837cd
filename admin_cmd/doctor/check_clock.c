/* The clock. A store elsewhere has told of it already, if it differs. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "admin_cmd/doctor/checks.h"

#define LINK "clock"
#define CURE "timedatectl set-ntp true"
#define PROGRAM "/proc/self/exe"
#define LOCAL "sqlite:"
#define TOLERANCE 300 /* seconds; what Signature Version 4 gives */

/* is_to_come: whether a file was changed at a time that this clock says is still to come. */
static bool
is_to_come(const char *path, time_t now, char *when, size_t size)
{
	struct stat status;
	struct tm parts;

	if (stat(path, &status) != 0 || status.st_mtim.tv_sec <= now + TOLERANCE)
		return false;
	strftime(when, size, "%F %T", localtime_r(&status.st_mtim.tv_sec, &parts));
	return true;
}

void
check_clock(struct checks *checks)
{
	bool local = checks->doctor->configured && !config_store_is_remote(checks->config);
	time_t now = time(NULL);
	char when[64], text[64];
	struct tm parts;

	if (checks->clock_skewed)
		return;
	strftime(text, sizeof(text), "%F %T", localtime_r(&now, &parts));
	if (is_to_come(PROGRAM, now, when, sizeof(when)))
		check_warning(checks, LINK, CURE,
		    "it is %s by this host's clock, and this program was made at %s: the clock is wrong", text, when);
	else if (local && is_to_come(checks->config->store + strlen(LOCAL), now, when, sizeof(when)))
		check_warning(checks, LINK, CURE,
		    "it is %s by this host's clock, and the store was written at %s: the clock is wrong, or was", text,
		    when);
	else
		check_ok(checks, LINK, "it is %s, and nothing of Berth's is of later", text);
}
