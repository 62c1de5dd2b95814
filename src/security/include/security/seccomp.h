/* seccomp: a profile of config.json becomes the program that the child loads last before execve. */
#ifndef SECURITY_SECCOMP_H
#define SECURITY_SECCOMP_H

#include <base/error.h>
#include <config/config.h>

#include <stdbool.h>
#include <stddef.h>

struct seccomp_filter {
    void *program;  /* struct sock_filter[]; seccomp_filter_done frees it */
    size_t length;  /* in bytes */
    unsigned flags; /* SECCOMP_FILTER_FLAG_*, as seccomp(SECCOMP_SET_MODE_FILTER) takes them; NEW_LISTENER is
                       among them when `notifies` */
    bool notifies;  /* a rule has SCMP_ACT_NOTIFY: seccomp() answers with a descriptor for listenerPath */
};

/* Makes the program. Asks the kernel about nothing but the flags and actions that the profile wants. */
int seccomp_compile(const struct config_seccomp *config, struct seccomp_filter *ret, struct lc_error **err);
/* The same, from the cache `.seccomp` below the directory where this very text has been compiled before; -1: no cache.
 * What is not certain to be our own work is not believed and compiled anew; a cache that cannot be written is none. */
int seccomp_filter_get(int cache_dirfd, const struct config_seccomp *config, struct seccomp_filter *ret,
        struct lc_error **err);
/* The same for a text that nobody has read. -errno: it has not been compiled before, or takes more than a program: a listener. */
int seccomp_filter_find(int cache_dirfd, const char *text, size_t length, struct seccomp_filter *ret);
void seccomp_filter_done(struct seccomp_filter *filter);

/* For the features document. NULL-terminated lists of static strings. */
#define SECCOMP_FEATURES_MAX 32
struct seccomp_features {
    const char *actions[SECCOMP_FEATURES_MAX], *operators[SECCOMP_FEATURES_MAX], *archs[SECCOMP_FEATURES_MAX],
            *known_flags[SECCOMP_FEATURES_MAX], *supported_flags[SECCOMP_FEATURES_MAX];
};
/* -ENOSYS when the kernel has no seccomp filters: then all but the known names is empty. */
int seccomp_features(struct seccomp_features *ret);

#endif
