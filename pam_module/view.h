/*
 * The view: the mount namespace in which a session lives. It holds the session's targets, and nothing else of the host.
 */
#ifndef BERTH_PAM_VIEW_H
#define BERTH_PAM_VIEW_H

#include <stdbool.h>

#include "common/host/config.h"
#include "pam_module/session.h"

/*
 * view_enter: builds the view and moves the calling process into it; needs root and Linux 5.12. There is no way back, and on
 * failure the process is somewhere between: it must end.
 *
 * A target that hangs ends the process by SIGALRM after TargetSeconds. `progress` (REASON_MAX bytes, shared with the
 * monitor) says what was being done then, and is "" once the view is entered.
 * Returns 0, or -1 with `reason`. *lands: whether the landing directory is there.
 */
int view_enter(const struct config *config, const struct session *session, bool *lands, char *progress, char *reason);

#endif
