/* What can be done to, and asked of, a container that lives: the same for those of a root directory and for those of a state
 * root. Everything below works on a container whose record has been read. */
#ifndef CONTAINER_CONTROL_H
#define CONTAINER_CONTROL_H

#include "runtime.h"

#include <base/buffer.h>

/* ---- target.c: which container is meant ---- */
/* `runtime` NULL: `id` is a root directory, NULL being the working directory. Locked, nobody else changes it meanwhile;
 * unlocked, a start or an end that is under way is not waited for. A container of a root directory exists only while it
 * lives: -ESRCH. */
int target_open(struct lc_runtime *runtime, const char *id, bool locked, struct container *ret,
        const char *stage, struct lc_error **err);
enum status container_status(const struct container *container);
/* Its record in the state directory, without the lock. 1: there is none. */
int root_look(struct container *container);

/* ---- processes.c ---- */
/* All processes, also where no group holds them, by number. Caller frees. */
int processes_find(const struct container *container, pid_t **ret_pids, size_t *ret_count);

/* ---- freeze.c ---- */
/* Returns when all have stopped, or go on. On failure they run. Locked. */
int control_freeze(struct container *container, bool frozen, struct lc_error **err);

/* ---- usage.c ---- */
/* What it uses now, as a JSON object. */
int usage_json(const struct container *container, struct buffer *out);

#endif
