/* The step log: every set-up step with its result, for people who debug (`nsinit --log`).
 * The library never prints: the embedding program gives a function, or nothing is logged. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

struct log {
    void (*write)(void *data, const char *line); /* NULL: off. `line` has no newline. */
    void *data;
    bool steps; /* everything, not only warnings */
};

/* A step that was taken: only written when steps are wanted. */
void log_line(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something the user should know; "warning: " is put before it. */
void log_warning(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
