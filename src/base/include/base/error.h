/* Error chain: the leaf says system call and object; the layers above add what they know.
 * Every internal function that can fail returns 0 or -errno and, when given a non-NULL `err`,
 * stores one error there. An error already present is kept and the new one is appended
 * (a configuration file reports all of its errors in one go). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct lc_error;

enum error_kind {
    ERROR_GENERIC,        /* exit status 125 */
    ERROR_NOT_EXECUTABLE, /* exit status 126: the command was found but cannot be executed */
    ERROR_NOT_FOUND,      /* exit status 127: the command was not found */
};

/* What is known where the failure happens; unset members are simply left out of the message. */
struct error_site {
    enum error_kind kind;
    int errnum;          /* positive errno, 0 when the cause is not a system error */
    const char *stage;   /* "config", "plan", "create", "join", "cgroup", "network", "state", ... */
    const char *op;      /* what was being done: "mount", "veth", ... */
    const char *syscall; /* "openat2" */
    const char *object;  /* path, interface, ... */
    const char *pointer; /* JSON pointer of the key that asked for it: "/mounts/3" */
    const char *file;    /* configuration file, for file:line:column */
    int line, column;    /* 1-based; 0: unknown */
    const char *hint;    /* one sentence: what the user can do */
};

/* All strings are copied. Returns -site->errnum, or -EINVAL when errnum is 0, so that callers can write
 * `return error_raise(...)`. `fmt` may be NULL. Never fails: without memory, a static error is stored. */
int error_raise(struct lc_error **err, const struct error_site *site, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Fill in members that are still unset in the newest error of the chain; NULL and 0 arguments are skipped. */
void error_add(struct lc_error *err, const struct error_site *site);

/* The same for exactly this error, wherever it stands in its chain. */
void error_place(struct lc_error *err, const struct error_site *site);

/* A chain that was kept apart, behind what is there already; without `err` it is freed. */
void error_append(struct lc_error **err, struct lc_error *more_consumed);

/* The newest error of the chain (the one error_add works on); NULL for NULL. */
struct lc_error *error_last(struct lc_error *err);
const struct error_site *error_site(const struct lc_error *err);
const struct lc_error *error_next(const struct lc_error *err);
const char *error_text(const struct lc_error *err); /* the free text, may be "" */

/* One line, without newline: "create: mount (/mounts/3, container.json:41:7): move_mount /proc: Operation not
 * permitted. Hint: ...". Caller frees. NULL when out of memory. */
char *error_format(const struct lc_error *err);

void error_free(struct lc_error *err); /* the whole chain; accepts NULL */

#endif
