/*
 * Berth's place in /etc/nsswitch.conf: the last service of the lines passwd and group, and of initgroups where there is
 * such a line. Texts in, texts out: nothing here opens a file.
 */
#ifndef BERTH_NSSWITCH_H
#define BERTH_NSSWITCH_H

#include "admin_cmd/wiring/text.h" /* WIRING_WHY_MAX */

#define NSSWITCH_FILE "/etc/nsswitch.conf"

/*
 * nsswitch_add: the text with " berth" at the end of these lines' services, unless it is there; all other bytes stay. Returns
 * a text that the caller frees; NULL with `why` (WIRING_WHY_MAX bytes) when there is no place for it (no passwd line, one that
 * goes on after an unconditional [NOTFOUND=return] …), or no memory.
 */
char *nsswitch_add(const char *text, char *why);
/* nsswitch_remove: the text without what nsswitch_add() adds: of a text that it changed, the text from before, byte for byte.
 * NULL: no memory. */
char *nsswitch_remove(const char *text);

/*
 * nsswitch_judge: 0 when Berth's users would be found: berth is asked on each of these lines, once, after files, and nothing
 * before it ends the search. Otherwise -1, with the first thing that is wrong in `why`.
 */
int nsswitch_judge(const char *text, char *why);

#endif
