/* The log: lines as logrus writes them, which engines parse. Errors go to standard error as well. */
#ifndef NSRUN_LOG_H
#define NSRUN_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_DEBUG };

struct globals;
/* Where to, how, and how much, by the global options. 0, or -1 after a message. */
int log_open(const struct globals *globals);
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *message);
void log_take(void *data, const char *line); /* for the library: "warning: ..." or a step */

#endif
