/*
 * process_time: a command as a whole process: spawned, its output read to the end through a pipe, as sshd does with
 * AuthorizedKeysCommand, and waited for.
 *
 *   process_time BATCH COMMAND [ARGUMENT…]
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/worker.h"

struct command {
	char **argv;
	size_t expected; /* bytes of output: every run's like the first's; 0 before that */
};

static pid_t
spawn(char **argv, int pipes[2])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		worker_die("pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	errno = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	if (errno != 0)
		worker_die(argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	return pid;
}

static size_t
read_all(int fd)
{
	char memory[65536];
	size_t total = 0;
	ssize_t count;

	while ((count = read(fd, memory, sizeof(memory))) > 0)
		total += (size_t)count;
	if (count < 0)
		worker_die("read");
	close(fd);
	return total;
}

static double
process_sample(void *context)
{
	struct command *command = context;
	double start = worker_now(), end;
	int pipes[2], status;
	size_t bytes;
	pid_t pid;

	pid = spawn(command->argv, pipes);
	bytes = read_all(pipes[0]);
	if (waitpid(pid, &status, 0) != pid)
		worker_die("waitpid");
	end = worker_now();
	if (command->expected == 0)
		command->expected = bytes;
	if (status == 0 && bytes > 0 && bytes == command->expected)
		return end - start;
	fprintf(stderr, "process_time: %s: status %#x, %zu bytes of output, expected %zu\n", command->argv[0],
	    (unsigned)status, bytes, command->expected);
	exit(1);
}

int
main(int argc, char **argv)
{
	struct command command = { .argv = argv + 2 };

	if (argc < 3) {
		fprintf(stderr, "usage: process_time BATCH COMMAND [ARGUMENT…]\n");
		return 2;
	}
	return worker_serve(worker_number(argv[1]), process_sample, &command);
}
