/*
 * What a daemon tells the service manager that started it: systemd's protocol of sd_notify(3), without its library. Without
 * a manager there is nothing to do, and nothing is done.
 */
#ifndef BERTH_SERVICE_MANAGER_H
#define BERTH_SERVICE_MANAGER_H

/* service_manager_find: by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which it takes out of the environment: none of our
 * children is to speak for us. Before there are threads. */
void service_manager_find(void);

/* service_manager_ready: that the daemon serves. */
void service_manager_ready(void);

/* service_manager_patience: how many milliseconds the manager waits for a sign of life before it kills; 0: it doesn't watch. */
int service_manager_patience(void);

/* service_manager_interval: milliseconds between two signs of life, of which one may get lost; 0: it doesn't watch. */
int service_manager_interval(void);

/* service_manager_alive: a sign of life, from the thread whose life it is. Never waits. */
void service_manager_alive(void);

#endif
