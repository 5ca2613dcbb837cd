/* berth-api -t. */
#ifndef BERTH_SELF_TEST_H
#define BERTH_SELF_TEST_H

/* self_test: whether berth-api could start and serve with this configuration: prints every fault, and what deserves a
 * warning, to stderr, and nothing when all is well. Becomes the configuration's User. Returns the exit status. */
int self_test(const char *config_file);

#endif
