/*
 * What to do about a refusal, by the reason that is logged for it: `berth why` and `berth doctor USER` say the same as
 * docs/troubleshooting.md.
 */
#ifndef BERTH_CURES_H
#define BERTH_CURES_H

/* cure_of: a command, or one sentence; NULL where none is known. */
const char *cure_of(const char *reason);

#endif
