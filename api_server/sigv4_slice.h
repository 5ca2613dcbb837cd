/* Parts of a header's value, where they stand: nothing is copied, nothing ends with a NUL. Private to sigv4*.c. */
#ifndef BERTH_SIGV4_SLICE_H
#define BERTH_SIGV4_SLICE_H

#include <stdbool.h>

#include "api_server/sigv4.h"

/* slice_trimmed: a text without the white space around it. */
struct sigv4_slice slice_trimmed(const char *text, size_t length);

/* slice_take: takes from *rest what stands before the separator, which is dropped; all of it, and returns false, when there
 * is no separator. */
bool slice_take(struct sigv4_slice *rest, char separator, struct sigv4_slice *taken);

bool slice_is(struct sigv4_slice slice, const char *text);

/* slice_order: as strcmp(), of bytes. */
int slice_order(struct sigv4_slice one, struct sigv4_slice other);

/* slice_order_name: the same against a header's name in whatever case it was received, for a slice in lower case. */
int slice_order_name(struct sigv4_slice slice, const char *name);

/* slice_hex_value: of a hexadecimal digit, in whatever case. */
int slice_hex_value(char digit);

/* slice_read_hash: of SIGV4_HASH bytes in lower-case hexadecimal; false when it is anything else. */
bool slice_read_hash(struct sigv4_slice slice, unsigned char hash[SIGV4_HASH]);

/* white_space: what is no part of a value where it stands at an end, and is one space where it stands within. */
bool white_space(char character);

#endif
