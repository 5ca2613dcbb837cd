/*
 * What isn't the API: GET /healthz for who watches over the server, GET /metrics for Prometheus.
 */
#ifndef BERTH_PAGES_H
#define BERTH_PAGES_H

#include "api_server/answer.h"
#include "api_server/api.h"

/* pages_health: 200 "ok", or 503 and why. */
void pages_health(struct api *api, const struct settings *settings, struct answer *answer);
/* pages_metrics: for clients on this host, and for who brings the token ("Bearer TOKEN"; authorization may be NULL). Others
 * get 403. */
void pages_metrics(struct api *api, const struct settings *settings, bool loopback, const char *authorization,
    struct answer *answer);

#endif
