/*
 * A call as a line of the audit log. Private to audit*.c.
 */
#ifndef BERTH_AUDIT_LINE_H
#define BERTH_AUDIT_LINE_H

#include <stddef.h>

#include "api_server/audit.h"

/* The longest there is: a message whose every byte is escaped, and the names of all the members that a request has. */
#define AUDIT_LINE_BYTES 8192

/* audit_line_write: with its newline, at the time it is now. Returns its length, or 0 when `size` bytes don't hold it. */
size_t audit_line_write(const struct audit_entry *entry, char *to, size_t size);

/* audit_line_suppressed: that so many calls have no line. */
size_t audit_line_suppressed(unsigned long count, char *to, size_t size);

#endif
