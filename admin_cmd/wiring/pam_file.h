/*
 * Berth's three lines of /etc/pam.d/sshd, and their places:
 *
 *   auth     before whatever else libpam may ask for auth: then no line can keep it from calling our setcred, which seals
 *   account  before every other account line
 *   session  after pam_loginuid and pam_keyinit, unless these jump over lines; before "@include common-session" and whatever
 *            would run inside the view
 *
 * Texts in, texts out: nothing here opens a file.
 */
#ifndef BERTH_PAM_FILE_H
#define BERTH_PAM_FILE_H

#include "admin_cmd/wiring/text.h" /* WIRING_WHY_MAX */

/*
 * pam_file_add: the text with these lines in their places; all other bytes stay. Lines of ours that stand elsewhere, or say
 * something else, are put right. Returns a text that the caller frees; NULL with `why` when there is no place for them, or no
 * memory.
 */
char *pam_file_add(const char *text, char *why);
/* pam_file_remove: the text without any line of pam_berth.so: of a text that pam_file_add() changed, the text from before,
 * byte for byte. NULL: no memory. */
char *pam_file_remove(const char *text);

/* pam_file_judge: 0 when the lines are there, say what they must, and stand where they must. Otherwise -1, with the first
 * thing that is wrong in `why`. */
int pam_file_judge(const char *text, char *why);

#endif
