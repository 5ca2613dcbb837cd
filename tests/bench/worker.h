/*
 * What the programs of the benchmark share. Each is a worker: for every line that it reads on standard input it takes a
 * batch of samples and writes their times in microseconds as one line. So bench.py can make several of them take turns, and
 * what changes on the machine meanwhile meets all alike. A worker ends with its input, or with a word about what went wrong.
 */
#ifndef BERTH_BENCH_WORKER_H
#define BERTH_BENCH_WORKER_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORKER_NAME_MAX 64

/* One sample: takes it and returns its time. */
typedef double worker_sample(void *context);

static inline void __attribute__((noreturn))
worker_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline double
worker_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		worker_die("clock_gettime");
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline unsigned long
worker_number(const char *text)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && number > 0)
		return number;
	errno = EINVAL;
	worker_die(text);
}

/* Users "PREFIX0000001" to COUNT, taken at random; the same sequence in every run. */
struct worker_names {
	const char *prefix;
	unsigned long count;
	uint64_t state;
};

static inline void
worker_next_name(struct worker_names *names, char name[WORKER_NAME_MAX])
{
	names->state = names->state * 6364136223846793005u + 1442695040888963407u;
	snprintf(name, WORKER_NAME_MAX, "%s%07lu", names->prefix, (unsigned long)(names->state >> 33) % names->count + 1);
}

/* worker_serve: until the end of the input. Samples are printed after the batch, so that printing is in none of them. */
static inline int
worker_serve(unsigned long batch, worker_sample *sample, void *context)
{
	double *times = calloc(batch, sizeof(*times));
	char line[16];

	if (times == NULL)
		worker_die("calloc");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		for (unsigned long i = 0; i < batch; i++)
			times[i] = sample(context);
		for (unsigned long i = 0; i < batch; i++)
			printf("%.3f%c", times[i], i + 1 < batch ? ' ' : '\n');
		if (fflush(stdout) != 0)
			worker_die("standard output");
	}
	free(times);
	return 0;
}

#endif
