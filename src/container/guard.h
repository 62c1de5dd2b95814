/* The watcher of a foreground process: src/init/guard.c says what it is for. */
#ifndef CONTAINER_GUARD_H
#define CONTAINER_GUARD_H

#include "container.h"

struct guard {
    pid_t pid; /* 0: none */
    int pidfd, pipe;
};

/* `record`: whose processes are to be killed with it, by their mark; NULL for a joined process. Once only. */
int guard_start(struct guard *guard, int pidfd, const struct record *record, struct lc_error **err);
/* After the process has ended. */
void guard_end(struct guard *guard);

#endif
