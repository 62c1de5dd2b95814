/* The log: lines as logrus writes them, which engines parse. Errors go to standard error as well. */
#ifndef NSRUN_LOG_H
#define NSRUN_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_DEBUG };

/* `path` NULL: standard error. `format` NULL, "text" or "json". 0, or -1 after a message. */
int log_open(const char *path, const char *format);
void log_write(enum log_level level, const char *message);
void log_take(void *data, const char *line); /* for the library: "warning: ..." or a step */

#endif
