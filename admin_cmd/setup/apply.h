/*
 * The plan carried out, whole or not at all.
 */
#ifndef BERTH_SETUP_APPLY_H
#define BERTH_SETUP_APPLY_H

#include "admin_cmd/setup/plan.h"

/*
 * plan_apply: each step, and after it whether root and local users still get in. 0 when all is done. -1 when something went
 * wrong, SIGINT, SIGTERM, SIGHUP or SIGQUIT among it: after saying on stderr what, and after putting all back, but for the
 * server that was made, or saying what couldn't be. Signals stay blocked from here on: what follows is said whole.
 */
int plan_apply(struct plan *plan);

#endif
