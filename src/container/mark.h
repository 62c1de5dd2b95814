/* Finding the processes of a container that has no pid namespace: by one of its own namespaces, else by its root. */
#ifndef CONTAINER_MARK_H
#define CONTAINER_MARK_H

#include "container.h"

/* Looks at the container's first process; to be called once it has entered its namespaces and root. */
void mark_take(struct record *record);
/* Kills every process that carries the mark, until none is left or the time is up. */
void mark_kill(const struct record *record, int timeout_ms);

#endif
