/*
 * The users that the benchmark makes through berth-api, and by SQL: the same rows.
 */
#ifndef BERTH_BENCH_API_ROWS_H
#define BERTH_BENCH_API_ROWS_H

#define API_ROWS_ROLE   "arn:aws:iam::000000000000:role/sftp"
#define API_ROWS_USER   "u%07lu"
#define API_ROWS_ENTRY  "[{\"Entry\":\"/\",\"Target\":\"/bucket/home/u%07lu\"}]"
#define API_ROWS_UID    1000000lu /* and the user's number */
#define API_ROWS_TYPE   "ssh-ed25519"
#define API_ROWS_BASE64 "AAAAC3NzaC1lZDI1NTE5AAAAIA%042lu"

#endif
