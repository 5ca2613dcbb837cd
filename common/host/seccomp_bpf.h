/*
 * The words in which Berth's system call filters are written: one instruction of seccomp(2)'s BPF each. A filter begins with
 * LOAD(arch), UNLESS_EQUAL(ARCH_NATIVE, 1), KILL.
 */
#ifndef BERTH_SECCOMP_BPF_H
#define BERTH_SECCOMP_BPF_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH_NATIVE AUDIT_ARCH_RISCV64
#else
#error "The system call filters don't know this machine's audit architecture (AUDIT_ARCH_* in linux/audit.h)."
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The system call filters read the low half of 64-bit arguments as on a little-endian machine."
#endif

/* A word of struct seccomp_data; the low half of the call's argument n, from 0. */
#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARG(n)     LOAD(args[n])
#define RETURN(action)  BPF_STMT(BPF_RET | BPF_K, (action))
#define KILL            RETURN(SECCOMP_RET_KILL_PROCESS)
#define ALLOW           RETURN(SECCOMP_RET_ALLOW)
/* IF: the next `count` instructions run when the loaded word equals the value (has the bits), else they are passed over. */
#define IF_EQUAL(value, count)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define UNLESS_EQUAL(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (count), 0)
#define IF_BITS(value, count)      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), 0, (count))
#define IF_AT_LEAST(value, count)  BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), 0, (count))
#define IF_ABOVE(value, count)     BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (value), 0, (count))

#endif
