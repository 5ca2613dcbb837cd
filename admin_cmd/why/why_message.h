/*
 * One line of the log: what it says of a user's login.
 *
 * Names are chosen by whoever connects, and may hold anything, "alice from 192.0.2.1 port 5" too. So a line is read at places
 * where no name can stand: its beginning as sshd writes it, and what sshd puts behind the name, from the right. What is
 * between must be the name, whole.
 */
#ifndef BERTH_WHY_MESSAGE_H
#define BERTH_WHY_MESSAGE_H

#include <sys/types.h>

#define WHY_REASON_MAX 640
#define WHY_CLIENT_MAX 64

enum why_who { WHY_SSHD, WHY_PAM_BERTH, WHY_BERTHD, WHY_BERTH_KEYS };

/* why_who_name: "sshd", "pam_berth", "berthd", "berth-keys". */
const char *why_who_name(enum why_who who);

enum why_kind {
	WHY_NOTHING,  /* not of this user, or of no login */
	WHY_REFUSED,
	WHY_ACCEPTED, /* sshd took a key */
	WHY_NAMELESS, /* a refusal by sshd that names no user: it is the one's whom its process names elsewhere */
	WHY_FOR_ALL,  /* the agent can serve nobody */
};

/* How much a line explains: of several by one process, the one that explains the most counts. */
enum why_weight { WHY_SAYS_THAT, WHY_SAYS_WHAT, WHY_SAYS_WHY };

struct why_event {
	double time; /* seconds since 1970 */
	pid_t pid;
	enum why_kind kind;
	enum why_who who;
	enum why_weight weight;
	char client[WHY_CLIENT_MAX]; /* an address; "": not known */
	char reason[WHY_REASON_MAX]; /* in words; may hold anything */
	const char *cure;            /* a constant, in which USER stands for the name; NULL: none is known */
};

/* why_program: whether lines of this program are read at all: sshd's, with the names that its parts have, and Berth's. */
int why_program(const char *program);

/* why_message: fills in all of the event but time and pid. Returns event->kind. */
enum why_kind why_message(const char *program, const char *message, const char *user, struct why_event *event);

/* why_message_may_matter: quickly, whether a line could be of interest. */
int why_message_may_matter(const char *line, const char *user);

#endif
