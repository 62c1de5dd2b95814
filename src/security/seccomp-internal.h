/* What the files of seccomp share. */
#ifndef SECURITY_SECCOMP_INTERNAL_H
#define SECURITY_SECCOMP_INTERNAL_H

#include <base/buffer.h>
#include <security/seccomp.h>

#include <linux/filter.h>
#include <stdint.h>

#define SECCOMP_POINTER "/linux/seccomp"

/* seccomp-names.c: the words of the specification and what they mean to the kernel and to libseccomp */

int seccomp_raise(struct lc_error **err, int errnum, const char *pointer, const char *object, const char *fmt,
        ...) __attribute__((format(printf, 5, 6)));
/* The value that a filter returns for an action. `pointer` is the object that the action stands in. */
int seccomp_action(const char *name, const struct config_number *errno_ret, const char *pointer,
        uint32_t *ret, struct lc_error **err);
/* enum scmp_compare, or -EINVAL */
int seccomp_operator(const char *name);
/* libseccomp's token of "SCMP_ARCH_X86_64", 0 when it does not know it. */
uint32_t seccomp_arch(const char *name);
/* The flags to load the filter with: those that are asked for, or the default. */
int seccomp_flags(const struct config_seccomp *config, bool notifies, unsigned *ret, struct lc_error **err);
/* A system call that is newer than libseccomp: its number on `arch`, or -1. */
int seccomp_newer_number(uint32_t arch, const char *name);

/* seccomp-rules.c: the profile sorted by what is to be done with its system calls */

/* A system call whose rules say the same under all conditions. */
#define SECCOMP_MAX_ARCHS 32
#define SECCOMP_TO_REST UINT32_MAX /* no action: libseccomp's program decides */
struct seccomp_constant {
    uint32_t number, action;
};
struct seccomp_table {
    uint32_t arch;                 /* libseccomp's token */
    struct seccomp_constant *list; /* sorted by number, no number twice */
    size_t count;
    uint32_t unnamed; /* what holds for all numbers that the profile does not name */
    bool above_known; /* numbers above `highest` are answered by ENOSYS */
    uint32_t highest;
};
struct seccomp_use {
    const char *name;
    size_t rule;
    uint32_t action;
    bool rest; /* the same for all uses of one name */
};
struct seccomp_rules {
    uint32_t default_action;
    uint32_t *actions;        /* one per rule of the profile */
    struct seccomp_use *uses; /* sorted by name */
    size_t n_uses;
    struct seccomp_table tables[SECCOMP_MAX_ARCHS]; /* the native one first */
    size_t n_tables;
};
int seccomp_rules_make(const struct config_seccomp *config, struct seccomp_rules *ret, struct lc_error **err);
void seccomp_rules_done(struct seccomp_rules *rules);
/* Is this name left to libseccomp? */
bool seccomp_rules_rest(const struct seccomp_rules *rules, const char *name);

/* seccomp-front.c: what stands before libseccomp's program */

struct seccomp_code {
    struct sock_filter insns[BPF_MAXINSNS];
    size_t count;
    bool full;
};
/* 0 or -ENOMEM; code->full when it does not fit. */
int seccomp_front_add(const struct seccomp_rules *rules, struct seccomp_code *code);

/* seccomp-cache.c */

/* buffer_done() frees it, also after a failure. */
int seccomp_cache_key(const char *text, size_t length, struct buffer *ret);
/* The directory, made when it is missing. -errno: there is none that can be trusted. */
int seccomp_cache_open(int dirfd);
/* 0, or -errno when there is nothing or nothing that can be believed. */
int seccomp_cache_read(int cache, const struct buffer *key, struct seccomp_filter *ret);
int seccomp_cache_write(int cache, const struct buffer *key, const struct seccomp_filter *filter);

#endif
