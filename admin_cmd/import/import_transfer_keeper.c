/*
 * Credentials from a process that stays who the caller is. It is asked with a number and answers with it and the
 * credentials or the error, over a socket pair; it takes nothing else from there, and ends with its parent.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin_cmd/import/import_transfer.h"
#include "common/host/identity.h"
#include "common/wire/deadline.h"

#define GET_MS 60000 /* a credential_process may have to ask somebody for a code */

struct import_keeper {
	pid_t process;
	int socket;
	uint32_t asked;
};

struct answer {
	uint32_t number; /* of the question: an answer may come when nobody waits for it any more */
	int result;
	struct credentials credentials;
	struct api_error error;
};

static void
answer_question(struct credential_chain *chain, struct answer *answer, struct credentials *given)
{
	static const char CHAIN_SAYS[] = "No credentials for the store: "; /* as the asking process's chain will */
	char *message = answer->error.message;

	answer->result = credential_chain_get(chain, deadline_after(GET_MS), &answer->credentials, &answer->error);
	if (answer->result == 0)
		*given = answer->credentials;
	else if (strncmp(message, CHAIN_SAYS, strlen(CHAIN_SAYS)) == 0)
		memmove(message, message + strlen(CHAIN_SAYS), strlen(message + strlen(CHAIN_SAYS)) + 1);
}

/* Who asks again wants others: what was given before expires, or was refused. */
static void
keep(const struct credential_options *options, int socket)
{
	struct credential_chain *chain = credential_chain_new(options);
	struct answer *answer = calloc(1, sizeof(*answer));
	struct credentials given = { .access_key_id = "" };
	uint32_t number;

	while (chain != NULL && answer != NULL && recv(socket, &number, sizeof(number), 0) == sizeof(number)) {
		if (given.access_key_id[0] != '\0')
			credential_chain_rejected(chain, &given);
		explicit_bzero(answer, sizeof(*answer));
		answer->number = number;
		answer_question(chain, answer, &given);
		if (send(socket, answer, sizeof(*answer), MSG_NOSIGNAL) == -1)
			break;
	}
}

struct import_keeper *
import_keeper_start(const struct credential_options *options)
{
	struct import_keeper *keeper = calloc(1, sizeof(*keeper));
	pid_t parent = getpid();
	int pair[2];

	if (keeper == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		free(keeper);
		return NULL;
	}
	fflush(NULL);
	keeper->process = fork();
	if (keeper->process == 0) {
		close(pair[0]);
		identity_hide_memory();
		/* It isn't to outlive its parent. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			keep(options, pair[1]);
		_exit(0);
	}
	close(pair[1]);
	keeper->socket = pair[0];
	if (keeper->process != -1)
		return keeper;
	close(pair[0]);
	free(keeper);
	return NULL;
}

/* Waits for the answer to this question. */
static int
receive(struct import_keeper *keeper, int64_t deadline, struct answer *answer, struct api_error *error)
{
	struct pollfd poll_socket = { .fd = keeper->socket, .events = POLLIN };
	int ready;
	ssize_t got;

	do {
		ready = poll(&poll_socket, 1, deadline_left(deadline));
		if (ready == 0)
			return api_fail(error, API_ACCESS_DENIED, "The credentials took too long to come");
		if (ready == -1 && errno == EINTR)
			continue;
		got = ready == -1 ? -1 : recv(keeper->socket, answer, sizeof(*answer), 0);
		if (got != sizeof(*answer))
			return api_fail(error, API_ACCESS_DENIED,
			    "The credentials can't be renewed: the process that could has ended");
	} while (ready == -1 || answer->number != keeper->asked);
	return 0;
}

int
import_keeper_get(void *context, struct credentials *credentials, struct api_error *error)
{
	struct import_keeper *keeper = context;
	struct answer *answer = calloc(1, sizeof(*answer));
	int result = -1;

	if (answer == NULL)
		return api_fail_memory(error);
	keeper->asked++;
	if (send(keeper->socket, &keeper->asked, sizeof(keeper->asked), MSG_NOSIGNAL) == -1) {
		api_fail(error, API_ACCESS_DENIED, "The credentials can't be renewed: the process that could has ended");
	} else if (receive(keeper, deadline_after(GET_MS + 5000), answer, error) == 0) {
		result = answer->result;
		if (result == 0)
			*credentials = answer->credentials;
		else
			*error = answer->error;
	}
	explicit_bzero(answer, sizeof(*answer));
	free(answer);
	return result;
}

void
import_keeper_stop(struct import_keeper *keeper)
{
	if (keeper != NULL)
		shutdown(keeper->socket, SHUT_RDWR);
}

void
import_keeper_free(struct import_keeper *keeper)
{
	if (keeper == NULL)
		return;
	close(keeper->socket);
	/* It ends by itself; when it waits for somebody else, with this process at the latest, which as another user may not
	 * kill it. */
	waitpid(keeper->process, NULL, WNOHANG);
	free(keeper);
}
