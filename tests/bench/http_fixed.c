/*
 * http_fixed: what libmicrohttpd alone costs: each POST's body is read and thrown away, and answered with so many bytes.
 *
 *   http_fixed PORT BYTES    on 127.0.0.1, until it is ended
 *
 * Flags, limits, threads and the thread that accepts are those of api_server/http_server.c.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/worker.h"

#define DAEMONS_MIN 2
#define DAEMONS_MAX 8

static struct MHD_Response *
make_response(size_t length)
{
	struct MHD_Response *response;
	char *body = malloc(length);

	if (body == NULL)
		worker_die("malloc");
	memset(body, 'x', length);
	response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_PERSISTENT);
	if (response == NULL || MHD_add_response_header(response, "Content-Type", "application/x-amz-json-1.1") != MHD_YES ||
	    MHD_add_response_header(response, "x-amzn-RequestId", "11111111-2222-4333-8444-555555555555") != MHD_YES)
		worker_die("response");
	return response;
}

static enum MHD_Result
answer(void *response, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **context)
{
	static char seen;

	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	if (*context == NULL) {
		*context = &seen;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static struct MHD_Daemon *
start_daemon(struct MHD_Response *response)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
	    NULL, answer, response,
	    MHD_OPTION_CONNECTION_LIMIT, 1000u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024,
	    MHD_OPTION_CONNECTION_TIMEOUT, 90u,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_END);
}

static int
listen_on(unsigned long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0)
		worker_die("listen");
	return fd;
}

int
main(int argc, char **argv)
{
	struct MHD_Daemon *daemons[DAEMONS_MAX];
	struct MHD_Response *response;
	struct sockaddr_storage peer;
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	socklen_t length;
	int listener, fd;

	if (argc != 3) {
		fprintf(stderr, "usage: http_fixed PORT BYTES\n");
		return 2;
	}
	count = count < DAEMONS_MIN ? DAEMONS_MIN : count > DAEMONS_MAX ? DAEMONS_MAX : count;
	response = make_response(worker_number(argv[2]));
	for (long i = 0; i < count; i++)
		if ((daemons[i] = start_daemon(response)) == NULL)
			worker_die("MHD_start_daemon");
	listener = listen_on(worker_number(argv[1]));
	for (long next = 0;; next = (next + 1) % count) {
		length = sizeof(peer);
		fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 || MHD_add_connection(daemons[next], fd, (struct sockaddr *)&peer, length) != MHD_YES)
			worker_die("accept4");
	}
}
