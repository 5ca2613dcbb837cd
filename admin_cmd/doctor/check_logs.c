/* The transfer log, and where log lines go. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "common/host/identity.h"
#include "common/host/line_file.h"

#define TRANSFERS "transfer-log"
#define LOG "log"
#define LOG_SOCKET "/dev/log"
#define SECONDS 5

static void
look(struct checks *checks, void *shared)
{
	const struct config *config = checks->config;
	const char *file = config->transfer_log_file, *problem = line_file_test(file);
	char directory[PATH_MAX], word[PATH_MAX], cure[CURE_MAX];
	struct place_fault fault;
	struct stat status;

	(void)shared;
	place_above(file, directory);
	if (problem != NULL) {
		if (stat(directory, &status) != 0)
			cure_format(cure, "install -d -m 2750 -o %s -g adm %s", config->user, place_word(directory, word));
		else
			cure_format(cure, "chown -Rh %s: %s && chmod -R u+rwX %s", config->user, place_word(directory, word),
			    word);
		findings_add(checks->findings, config->transfer_log == TRANSFER_LOG_REQUIRED ? FINDING_FAULT :
		    FINDING_WARNING, TRANSFERS,
		    cure, "%s can't be written as %s: %s%s", file, config->user, problem,
		    config->transfer_log == TRANSFER_LOG_REQUIRED ? "; with TransferLog required no session goes on without "
		    "it" : "");
		return;
	}
	if (place_judge(directory, geteuid(), config->user, S_IWGRP | S_IWOTH, &fault) == 1)
		check_warning(checks, TRANSFERS, fault.cure, "%s", fault.found);
	if (place_judge(file, geteuid(), config->user, S_IWGRP | S_IWOTH, &fault) == 1)
		check_warning(checks, TRANSFERS, fault.cure, "%s", fault.found);
	place_check_room(checks, TRANSFERS, "TransferLogFile's directory", directory);
}

void
check_transfer_log(struct checks *checks)
{
	size_t before = checks->findings->count;

	if (!checks->doctor->configured || !checks->accounts_well)
		check_unknown(checks, TRANSFERS, "it takes the configuration and User to look");
	else if (checks->config->transfer_log == TRANSFER_LOG_OFF)
		check_ok(checks, TRANSFERS, "TransferLog is off");
	else if (apart_run(checks, checks->config->user, SECONDS, look, NULL, 0) != 0)
		check_fault(checks, TRANSFERS, "Look at the disk that it lies on.", "%s: %s",
		    checks->config->transfer_log_file, errno == ETIMEDOUT ? "no answer" : identity_problem(errno));
	else if (checks->findings->count == before)
		check_ok(checks, TRANSFERS, "%s can be written as %s", checks->config->transfer_log_file,
		    checks->config->user);
}

void
check_log(struct checks *checks)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LOG_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		check_ok(checks, LOG, "somebody listens at " LOG_SOCKET);
	else
		check_warning(checks, LOG,
		    checks_service("systemctl start systemd-journald-dev-log.socket", "Start a syslog daemon."),
		    LOG_SOCKET ": %s: why a login was refused is nowhere to be read", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void
check_nologin(struct checks *checks)
{
	static const char *const FILES[] = { "/etc/nologin", "/run/nologin" };
	size_t before = checks->findings->count;
	char cure[CURE_MAX];

	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++)
		if (access(FILES[i], F_OK) == 0)
			check_fault(checks, "nologin", cure_format(cure, "rm %s", FILES[i]),
			    "%s is there: the host is closed to logins", FILES[i]);
	if (checks->findings->count == before)
		check_ok(checks, "nologin", "the host is open to logins");
}
