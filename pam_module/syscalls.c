#include <sys/syscall.h>
#include <unistd.h>

#include "pam_module/syscalls.h"

int
openat2(int directory, const char *path, const struct open_how *how, size_t size)
{
	return (int)syscall(SYS_openat2, directory, path, how, size);
}

int
pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int
seccomp(unsigned operation, unsigned flags, void *arguments)
{
	return (int)syscall(SYS_seccomp, operation, flags, arguments);
}
