/*
 * echo_server: what any server on a Unix socket costs at least: accept, receive, send, close, in blocking calls.
 *
 *   echo_server SOCKET BYTES    answers each connection with so many bytes
 */
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/worker.h"

#define MESSAGE_MAX 65536

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		worker_die(path);
	}
	strcpy(address.sun_path, path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 128) != 0)
		worker_die(path);
	return listener;
}

int
main(int argc, char **argv)
{
	static char message[MESSAGE_MAX];
	size_t bytes;
	int listener, fd;

	if (argc != 3) {
		fprintf(stderr, "usage: echo_server SOCKET BYTES\n");
		return 2;
	}
	bytes = worker_number(argv[2]);
	if (bytes > sizeof(message)) {
		errno = EMSGSIZE;
		worker_die(argv[2]);
	}
	listener = listen_at(argv[1]);
	while (true) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || recv(fd, message, sizeof(message), 0) < 0 || send(fd, message, bytes, MSG_NOSIGNAL) < 0)
			worker_die("echo");
		close(fd);
	}
}
