/*
 * lookup_time: one round trip: connect, ask for a passwd entry by name, receive the answer, close. Of the agent, or of
 * echo_server, which answers anything with the same number of bytes.
 *
 *   lookup_time BATCH SOCKET PREFIX COUNT [any]    "any": the answer's bytes aren't looked at
 *   lookup_time size SOCKET PREFIX                 prints the answer's length for the first user, and ends
 */
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/wire/wire.h"
#include "tests/bench/worker.h"

struct lookup {
	struct sockaddr_un address;
	struct worker_names names;
	bool any;
	uint8_t answer[WIRE_HEADER + 8192];
	size_t length;
};

/* round_trip: bare calls, and not agent_ask(): both sides are to be asked in the same way, and as cheaply as can be. */
static double
round_trip(struct lookup *lookup, const struct wire_out *request)
{
	double start = worker_now(), end;
	ssize_t received;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&lookup->address, sizeof(lookup->address)) != 0)
		worker_die(lookup->address.sun_path);
	if (send(fd, request->data, request->used, MSG_NOSIGNAL) != (ssize_t)request->used)
		worker_die("send");
	received = recv(fd, lookup->answer, sizeof(lookup->answer), 0);
	if (received <= 0)
		worker_die("recv");
	close(fd);
	end = worker_now();
	lookup->length = (size_t)received;
	return end - start;
}

/* check_answer: the whole entry of who was asked for, not a refusal that was quicker. */
static void
check_answer(const struct lookup *lookup, const char *name)
{
	char found[USER_NAME_MAX + 1] = "";
	uint16_t status = WIRE_BAD_REQUEST;
	uint32_t length = 0;
	struct wire_in in;

	if (lookup->length >= WIRE_HEADER && wire_get_header(lookup->answer, &status, &length, sizeof(lookup->answer)) &&
	    status == WIRE_OK && lookup->length == WIRE_HEADER + length) {
		wire_in_init(&in, lookup->answer + WIRE_HEADER, length);
		wire_get_string(&in, found, USER_NAME_MAX);
	}
	if (strcmp(found, name) == 0)
		return;
	fprintf(stderr, "lookup_time: %s: asked for %s, answered with status %d\n", lookup->address.sun_path, name, status);
	exit(1);
}

static double
lookup_sample(void *context)
{
	struct lookup *lookup = context;
	uint8_t memory[WIRE_HEADER + 4 + WORKER_NAME_MAX];
	char name[WORKER_NAME_MAX];
	struct wire_out request;
	double took;

	worker_next_name(&lookup->names, name);
	wire_out_init(&request, memory, sizeof(memory));
	wire_put_header(&request, WIRE_PASSWD_BY_NAME, (uint32_t)(4 + strlen(name)));
	wire_put_string(&request, name);
	took = round_trip(lookup, &request);
	if (!lookup->any)
		check_answer(lookup, name);
	return took;
}

static int
usage(void)
{
	fprintf(stderr, "usage: lookup_time BATCH SOCKET PREFIX COUNT [any]\n       lookup_time size SOCKET PREFIX\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static struct lookup lookup = { .address.sun_family = AF_UNIX, .names.count = 1 };
	bool size = argc == 4 && strcmp(argv[1], "size") == 0;

	if (!size && argc != 5 && !(argc == 6 && strcmp(argv[5], "any") == 0))
		return usage();
	if (strlen(argv[2]) >= sizeof(lookup.address.sun_path))
		return usage();
	strcpy(lookup.address.sun_path, argv[2]);
	lookup.names.prefix = argv[3];
	lookup.any = argc == 6;
	if (size) {
		lookup_sample(&lookup);
		return printf("%zu\n", lookup.length) < 0;
	}
	lookup.names.count = worker_number(argv[4]);
	return worker_serve(worker_number(argv[1]), lookup_sample, &lookup);
}
