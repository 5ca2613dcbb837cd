/* PAM's file for sshd: Berth's three lines, and their places. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/doctor/places.h"
#include "admin_cmd/wiring/pam_file.h"
#include "common/host/paths.h"

#define LINK "pam"

void
check_pam(struct checks *checks)
{
	char why[WIRING_WHY_MAX], *text = place_read(BERTH_PAM_SERVICE_FILE);
	struct place_fault fault;

	if (text == NULL)
		check_fault(checks, LINK, "apt-get install --reinstall openssh-server",
		    BERTH_PAM_SERVICE_FILE ": %s", strerror(errno));
	else if (pam_file_judge(text, why) != 0)
		check_fault(checks, LINK, "berth setup", BERTH_PAM_SERVICE_FILE ": %s", why);
	else if (place_judge_path(BERTH_PAM_SERVICE_FILE, &fault) == 1)
		check_fault(checks, LINK, fault.cure, "%s", fault.found);
	else
		check_ok(checks, LINK,
		    "Berth's lines for auth, account and session are in their places in " BERTH_PAM_SERVICE_FILE);
	free(text);
}
