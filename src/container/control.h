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

/* ---- control.c: `runtime` as above ---- */
enum rdt_step { RDT_CHECK, RDT_APPLY, RDT_UNDO };
/* What is different about an update of either format: the limits as text, and classes of service. */
struct update_kind {
    int (*parse)(struct container *container, const struct lc_update_options *options, struct arena *arena,
            struct config_cgroups *ret, struct lc_error **err);
    int (*rdt)(struct container *container, const struct lc_update_options *options, enum rdt_step step,
            char **old, struct lc_error **err);
};
int target_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err);
int target_freeze(struct lc_runtime *runtime, const char *id, bool frozen, struct lc_error **err);
int target_update(struct lc_runtime *runtime, const char *id, const struct lc_update_options *given,
        const struct update_kind *kind, struct lc_error **err);
typedef void usage_classes(const struct container *container, struct buffer *out); /* see usage_json() */
int target_stats(struct lc_runtime *runtime, const char *id, usage_classes *classes, char **ret_json,
        struct lc_error **err);
int target_processes(struct lc_runtime *runtime, const char *id, pid_t **ret_pids, size_t *ret_count,
        struct lc_error **err);

/* ---- freeze.c ---- */
/* Returns when all have stopped, or go on. On failure they run. Locked. */
int control_freeze(struct container *container, bool frozen, struct lc_error **err);

/* ---- late.c: groups that it was made without. Locked. ---- */
/* The last of the record's from now on; nobody is in it yet. `wanted`: as for cgroup_late_plan(). */
int late_add(struct container *container, enum cgroup_controller controller,
        const struct config_cgroups *wanted, struct lc_error **err);
/* Everybody into the last group. They are frozen, or stop as they come in: so what is left outside grows no more. */
int late_move_in(struct container *container, struct lc_error **err);
void late_undo(struct container *container);
/* A group of each controller that something is set for, where that can be had. */
int late_provide(struct container *container, const struct config_cgroups *wanted, struct lc_error **err);

/* ---- usage.c ---- */
/* What it uses now, as a JSON object; `classes` adds what its class of service is, if it is in one, or NULL. */
int usage_json(const struct container *container, usage_classes *classes, struct buffer *out);
/* ---- usage-oci.c ---- */
usage_classes usage_rdt;

#endif
