/*
 * nss_time: getpwnam_r(3), the host's nsswitch.conf and all.
 *
 *   nss_time BATCH PREFIX COUNT
 */
#include <pwd.h>

#include "tests/bench/worker.h"

static double
nss_sample(void *context)
{
	static char memory[16384];
	char name[WORKER_NAME_MAX];
	struct passwd entry, *found = NULL;
	double start, end;

	worker_next_name(context, name);
	start = worker_now();
	errno = getpwnam_r(name, &entry, memory, sizeof(memory), &found);
	end = worker_now();
	if (found == NULL || strcmp(found->pw_name, name) != 0)
		worker_die(name);
	return end - start;
}

int
main(int argc, char **argv)
{
	struct worker_names names = { 0 };

	if (argc != 4) {
		fprintf(stderr, "usage: nss_time BATCH PREFIX COUNT\n");
		return 2;
	}
	names.prefix = argv[2];
	names.count = worker_number(argv[3]);
	return worker_serve(worker_number(argv[1]), nss_sample, &names);
}
