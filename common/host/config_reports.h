/*
 * Reports (config_report) of what is wrong with a configuration, for who tests one and for who runs with it.
 */
#ifndef BERTH_CONFIG_REPORTS_H
#define BERTH_CONFIG_REPORTS_H

/* config_print_fault: a line on stderr; context: an int, which counts them. config_print_warning: likewise, not counted. */
void config_print_fault(void *context, const char *fault);
void config_print_warning(void *context, const char *warning);

/* config_log_fault, config_log_warning: a line of the daemon's log. context isn't looked at. */
void config_log_fault(void *context, const char *fault);
void config_log_warning(void *context, const char *warning);

#endif
