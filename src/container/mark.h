/* Finding the processes of a container that has neither a pid namespace nor a control group: by one of its own
 * namespaces. The namespace is held open all the while, because the kernel soon gives its number to a new one. */
#ifndef CONTAINER_MARK_H
#define CONTAINER_MARK_H

#include "container.h"

/* To be called while the container's first process waits to be placed: it may be gone a moment after it runs. */
void mark_take(struct container *container);
/* After a crash: only while that process still holds the namespace. */
void mark_retake(struct container *container);
/* Whether this process carries it; to be believed while the container's first process lives. */
bool mark_is_on(const struct container *container, pid_t pid);
/* Kills every process that carries the mark, until none is left or the time is up. Without a held mark: nothing. */
void mark_kill(const struct container *container, int timeout_ms);

#endif
