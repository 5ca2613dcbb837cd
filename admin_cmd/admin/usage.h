/*
 * Usage texts, printed from the operation table.
 */
#ifndef BERTH_USAGE_H
#define BERTH_USAGE_H

#include <stdio.h>

#include "admin_cmd/admin/operation_table.h"

void usage_operation(FILE *stream, const struct admin_operation *operation);
void usage_admin(FILE *stream);

/* usage_error: the operation's usage, then "berth admin NAME: error: …", on stderr. Returns COMMAND_USAGE. */
int usage_error(const struct admin_operation *operation, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
