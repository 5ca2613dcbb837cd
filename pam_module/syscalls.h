/*
 * System calls that glibc 2.36 has no wrapper for, under the names of their manual pages, and the kernel that has each.
 * (open_tree, move_mount, fsopen, fsconfig, fsmount and mount_setattr come from <sys/mount.h>; mount_setattr is the
 * newest: 5.12.)
 */
#ifndef BERTH_PAM_SYSCALLS_H
#define BERTH_PAM_SYSCALLS_H

#include <linux/openat2.h>
#include <stddef.h>

/* 5.6; openat2(2) */
int openat2(int directory, const char *path, const struct open_how *how, size_t size);
/* 2.3; pivot_root(2) */
int pivot_root(const char *new_root, const char *put_old);
/* 3.17; seccomp(2) */
int seccomp(unsigned operation, unsigned flags, void *arguments);

#endif
