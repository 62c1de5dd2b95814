/* What containers use, as rows of a table; for top. */
#ifndef NSINIT_USAGE_H
#define NSINIT_USAGE_H

#include <libcontainer.h>

#include <stdbool.h>

struct usage {
    char *root;
    long long pid, start;           /* of the first process: which life of this directory it is */
    double time;                    /* CPU seconds so far */
    double cpu;                     /* per cent of one CPU since the look before; -1: there was none */
    double memory, limit;           /* bytes; limit 0: none */
    double read, written;           /* bytes */
    long long processes, oom_kills; /* -1: nobody counts them */
};

struct usages {
    struct usage *items;
    size_t count;
    double taken; /* seconds of a clock */
};

/* A look at all living containers of this user; `before` (or NULL) is the look before. 0 or -errno. */
int usages_take(const struct usages *before, struct usages *ret, struct lc_error **err);
void usages_free(struct usages *usages);

/* table.c: one line; `width` of it for the container's name, `end` is what ends it. */
#define USAGE_NAME_MAX 32
#define USAGE_NUMBERS 58 /* what the other columns take */
void usage_print_titles(size_t width, const char *end);
void usage_print(const struct usage *usage, size_t width, const char *end);

#endif
