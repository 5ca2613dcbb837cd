#include "admin_cmd/doctor/sshd_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/sshd_files.h"
#include "admin_cmd/wiring/sshd_settings.h"

#define LINK "sshd"
#define LISTENING 0x0a /* TCP_LISTEN, in /proc/net/tcp */

/* listens_in: whether a line "N: ADDRESS:PORT PEER:PORT STATE …" is of this port and listens. */
static bool
listens_in(const char *path, unsigned port)
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned local, state;
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
		found = sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 && local == port &&
		    state == LISTENING;
	if (file != NULL)
		fclose(file);
	return found;
}

bool
sshd_process_listens(const struct sshd_settings *settings, char ports[128])
{
	char port[32];
	size_t used = 0;

	ports[0] = '\0';
	for (size_t i = 0; sshd_settings_value(settings, "port", i, port, sizeof(port)) >= 0; i++) {
		unsigned number = (unsigned)strtoul(port, NULL, 10);

		if (listens_in("/proc/net/tcp", number) || listens_in("/proc/net/tcp6", number))
			return true;
		if (used < 128)
			used += (size_t)snprintf(ports + used, 128 - used, " %s", port);
	}
	return false;
}

pid_t
sshd_process_id(void)
{
	char path[64], program[PATH_MAX];
	FILE *file = fopen(SSHD_PID_FILE, "re");
	int pid = 0;
	ssize_t length;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = pid > 0 ? readlink(path, program, sizeof(program) - 1) : -1;
	return length > 0 && strncmp(program, SSHD_PROGRAM, strlen(SSHD_PROGRAM)) == 0 ? pid : 0;
}

/* check_age: sshd writes its PidFile when it starts, and again when a SIGHUP makes it start anew; so the file's time is that
 * of the configuration that it has. */
static void
check_age(struct checks *checks)
{
	pid_t pid = sshd_process_id();
	char file[PATH_MAX], kill[64];
	struct timespec changed = sshd_files_changed(file, sizeof(file));
	struct stat status;

	if (pid == 0 || stat(SSHD_PID_FILE, &status) != 0 || changed.tv_sec < status.st_mtim.tv_sec ||
	    (changed.tv_sec == status.st_mtim.tv_sec && changed.tv_nsec <= status.st_mtim.tv_nsec))
		return;
	snprintf(kill, sizeof(kill), "kill -HUP %d", pid);
	check_warning(checks, LINK, checks_service("systemctl reload ssh", kill),
	    "%s was changed after sshd last read it", file);
}

void
sshd_process_check(struct checks *checks)
{
	struct sshd_settings settings;
	char why[SSHD_WHY_MAX], ports[128];

	if (sshd_settings_read(&settings, NULL, NULL, why) == 0 && !sshd_process_listens(&settings, ports))
		check_fault(checks, LINK,
		    checks_service("systemctl start ssh", "Start sshd, as this host starts its daemons."),
		    "nobody listens on port%s: sshd doesn't run", ports);
	sshd_settings_free(&settings);
	check_age(checks);
}
