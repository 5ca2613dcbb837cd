/*
 * log_sink: what any receiver of syslog(3) costs at least: each message is received and written to a file.
 *
 *   log_sink SOCKET FILE
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/worker.h"

#define MESSAGE_MAX 8192

int
main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static char message[MESSAGE_MAX];
	ssize_t length;
	int receiver, file;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fprintf(stderr, "usage: log_sink SOCKET FILE\n");
		return 2;
	}
	strcpy(address.sun_path, argv[1]);
	receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (receiver < 0 || file < 0 || bind(receiver, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(argv[1], 0666) != 0)
		worker_die(argv[1]);
	while (true) {
		length = recv(receiver, message, sizeof(message) - 1, 0);
		if (length < 0)
			worker_die("recv");
		message[length] = '\n';
		if (write(file, message, (size_t)length + 1) != length + 1)
			worker_die(argv[2]);
	}
}
