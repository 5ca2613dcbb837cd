/*
 * The text of a log line. libc only.
 */
#ifndef BERTH_LOG_FORMAT_H
#define BERTH_LOG_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * log_format: vsnprintf(3) for lines of "what happened key=value reason="…"", whose values may be somebody else's words:
 *
 * - control characters become '?', so that no value ends the line or moves a cursor;
 * - between two quotes of the format, a value's own become ', so that none ends the quoted text and goes on with words that
 *   look like ours.
 *
 * It knows %s, %d, %u and %%, with l, ll and z, a width of zeros and a precision (of %s); a line ends before anything else.
 * Returns the length written, which is less than `size`: what doesn't fit is cut.
 */
size_t log_format(char *line, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

#endif
