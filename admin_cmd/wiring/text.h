/*
 * What the wiring's files share: saying what is wrong with a text, and ending one that is written.
 */
#ifndef BERTH_WIRING_TEXT_H
#define BERTH_WIRING_TEXT_H

#include <stdio.h>

#define WIRING_WHY_MAX 512

/* text_wrong: what is wrong (printf's format), in `why` (WIRING_WHY_MAX bytes). Returns -1. */
int text_wrong(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text_end: closes a stream of open_memstream(3). 0 when all that was written is there; -1: no memory. */
int text_end(FILE *out);

#endif
