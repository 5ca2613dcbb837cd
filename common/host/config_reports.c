#include "common/host/config_reports.h"

#include <stdio.h>

#include "common/host/daemon_log.h"

void
config_print_fault(void *context, const char *fault)
{
	int *faults = context;

	fprintf(stderr, "%s\n", fault);
	(*faults)++;
}

void
config_print_warning(void *context, const char *warning)
{
	(void)context;
	fprintf(stderr, "warning: %s\n", warning);
}

void
config_log_fault(void *context, const char *fault)
{
	(void)context;
	daemon_log(LOG_ERR, "%s", fault);
}

void
config_log_warning(void *context, const char *warning)
{
	(void)context;
	daemon_log(LOG_WARNING, "%s", warning);
}
