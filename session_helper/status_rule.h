/*
 * Whose status is it? sftp-server doesn't say which request a failure was of; status_rule.c says what is made of that. Times
 * are microseconds since 1970.
 */
#ifndef BERTH_STATUS_RULE_H
#define BERTH_STATUS_RULE_H

#include "session_helper/process.h"

/* status_rule_continues: whether the line is one more of the request that the process's last one began: then both have one
 * status. */
bool status_rule_continues(const struct process *process, const struct sftp_line *line, int64_t time);

/* status_rule_is_own: whether the status is the answer to the process's last line, which is an operation or an open. */
bool status_rule_is_own(const struct process *process, const char *status, int64_t time);

#endif
