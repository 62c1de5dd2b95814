/* The step log: every set-up step with its result, for people who debug (`nsinit --log`).
 * The library never prints: the embedding program gives a function, or nothing is logged. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

struct log {
    void (*write)(void *data, const char *line); /* NULL: off. `line` has no newline. */
    void *data;
};

void log_line(const struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
