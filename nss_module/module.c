/*
 * What the NSS module's databases share.
 */
#include <errno.h>
#include <pthread.h>

#include "common/host/passwd_file.h"
#include "nss_module/module.h"

static enum nss_status
unavailable(int error, int *errnop)
{
	*errnop = error;
	errno = error;
	return NSS_STATUS_UNAVAIL;
}

/*
 * A thread that is cancelled in the middle of a lookup would leave its descriptor open for good, so cancelling waits for
 * the end of it.
 */
enum nss_status
module_ask(enum wire_verb verb, const struct wire_out *request, void *answer, size_t answer_size, size_t *answer_length,
    int *errnop)
{
	/* By name alone: it is the first question of a login, and what it waited for is there for all that follow. */
	const struct agent_patience patience = {
		.answer_ms = LOOKUP_MS,
		.wait_ms = verb == WIRE_PASSWD_BY_NAME ? LOOKUP_SECONDS_MAX * 1000 : 0,
	};
	int saved = errno, status, error, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	status = agent_ask(verb, request, answer, answer_size, answer_length, &patience);
	error = errno;
	pthread_setcancelstate(cancel, NULL);

	switch (status) {
	case WIRE_OK:
		errno = saved;
		return NSS_STATUS_SUCCESS;
	case WIRE_NOT_FOUND:
	case WIRE_REFUSED:
	case WIRE_DENIED:
		errno = saved;
		return NSS_STATUS_NOTFOUND;
	case WIRE_UNAVAILABLE:
	case WIRE_BUSY:
		return unavailable(EAGAIN, errnop);
	case WIRE_BAD_REQUEST:
		return unavailable(EPROTO, errnop);
	default:
		return unavailable(error, errnop);
	}
}

bool
module_is_local(const char *name)
{
	bool name_taken, uid_taken;
	int saved = errno, result, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	result = passwd_file_find(name, ID_NONE, &name_taken, &uid_taken);
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
	return result != 0 || name_taken;
}

enum nss_status
module_no_room(int *errnop)
{
	*errnop = ERANGE;
	errno = ERANGE;
	return NSS_STATUS_TRYAGAIN;
}
