/* A --since: how far back a command looks. */
#ifndef BERTH_SINCE_H
#define BERTH_SINCE_H

/* since_read: so long ago, a number and a unit ("30s", "10m", "2h", "1d"); or a date ("2026-11-22"), or a time as logs have
 * it ("2026-11-22T10:30:00Z"). Returns seconds since 1970; -1: none of these. */
double since_read(const char *text);

#endif
