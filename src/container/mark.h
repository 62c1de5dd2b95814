/* Finding the processes of a container that has no pid namespace: by one of its own namespaces, else by its root. */
#ifndef CONTAINER_MARK_H
#define CONTAINER_MARK_H

#include "container.h"

/* To be called while the container's first process waits to be placed: it may be gone a moment after it runs. `netns`: the
 * network namespace made for it, or -1. */
void mark_take(struct record *record, const char *rootfs, int netns);
/* Kills every process that carries the mark, until none is left or the time is up. */
void mark_kill(const struct record *record, int timeout_ms);

#endif
