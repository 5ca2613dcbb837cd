/*
 * Programs and modules: what sshd, libpam and libc run or load as root must be root's, on the whole way to it. The keys
 * command has a link of its own.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "admin_cmd/doctor/places.h"
#include "common/host/paths.h"

#define LINK "permissions"
#define REINSTALL "apt-get install --reinstall berth"

static const struct {
	const char *path;
	mode_t needed; /* of everybody: who runs or loads it isn't root */
	bool optional;
} FILES[] = {
	{ "/usr/sbin/berthd", 0555, false },
	{ "/usr/bin/berth", 0555, false },
	{ BERTH_SESSION_HELPER, 0555, false },
	{ INSTALLED_NSS_MODULE, 0444, false },
	{ INSTALLED_PAM_MODULE, 0444, false },
	{ "/usr/sbin/berth-api", 0555, true },
	{ BERTH_SESSIONS_DIR, 0, true },
};

/* is_known: several of them lie in the directory that is at fault. */
static bool
is_known(const struct checks *checks, const char *found)
{
	for (size_t i = 0; i < checks->findings->count; i++)
		if (strcmp(checks->findings->items[i].found, found) == 0)
			return true;
	return false;
}

static void
check_file(struct checks *checks, const char *path, mode_t needed)
{
	char cure[CURE_MAX];
	struct place_fault fault;
	struct stat status;
	int judged = place_judge_path(path, &fault);

	if (judged == 1 && is_known(checks, fault.found))
		return;
	if (judged == 1)
		check_fault(checks, LINK, fault.cure, "%s", fault.found);
	else if (stat(path, &status) == 0 && (status.st_mode & needed) != needed)
		check_fault(checks, LINK, cure_format(cure, "chmod a+%s %s", needed == 0444 ? "r" : "rx", path),
		    "%s has mode %04o, so not everybody who must can %s it", path, status.st_mode & 07777,
		    needed == 0444 ? "load" : "run");
}

void
check_files(struct checks *checks)
{
	size_t before = checks->findings->count;
	struct stat status;

	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		if (stat(FILES[i].path, &status) == 0)
			check_file(checks, FILES[i].path, FILES[i].needed);
		else if (errno != ENOENT || !FILES[i].optional)
			check_fault(checks, LINK, REINSTALL, "%s: %s%s", FILES[i].path, strerror(errno),
			    strcmp(FILES[i].path, INSTALLED_PAM_MODULE) == 0 ? ": nobody gets in by sshd" : "");
	}
	if (checks->findings->count == before)
		check_ok(checks, LINK, "programs and modules are root's, on the whole way to each");
}
