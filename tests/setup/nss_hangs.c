/* An NSS module that never answers, built under whatever service's name a test needs (SERVICE). */
#include <nss.h>
#include <pwd.h>
#include <unistd.h>

#define NAME_OF(service, function) _nss_##service##_##function
#define NAME(service, function)    NAME_OF(service, function)

enum nss_status NAME(SERVICE, getpwnam_r)(const char *name, struct passwd *entry, char *buffer, size_t size, int *problem);

enum nss_status
NAME(SERVICE, getpwnam_r)(const char *name, struct passwd *entry, char *buffer, size_t size, int *problem)
{
	(void)name;
	(void)entry;
	(void)buffer;
	(void)size;
	(void)problem;
	for (;;)
		pause();
}
