/* linux.intelRdt: classes of service for caches and memory bandwidth, which are directories of the resctrl file system.
 * `root`: where that is mounted; NULL: looked for. A container's class is named by closID ("/": the root's own), else by its id. */
#ifndef CGROUPS_RESCTRL_H
#define CGROUPS_RESCTRL_H

#include <base/buffer.h>
#include <base/error.h>
#include <base/log.h>
#include <config/config.h>

#include <sys/types.h>

/* The directory that will be made, NULL in *ret_made when none will; to be recorded first. Refuses what cannot be: no resctrl, a
 * class that neither exists nor is described, one that exists with other values than described. No side effect. Caller frees. */
int resctrl_plan(const struct config_rdt *rdt, const char *id, const char *root, char **ret_made,
        struct lc_error **err);

/* Makes it and writes its schemata. One that somebody else has made meanwhile must have the same values, and is then not ours:
 * *made becomes NULL. */
int resctrl_make(const struct config_rdt *rdt, const char *id, const char *root, char **made,
        const struct log *log, struct lc_error **err);

/* Moves a task in, and with it what it will fork. */
int resctrl_place(
        const struct config_rdt *rdt, const char *id, const char *root, pid_t pid, struct lc_error **err);

/* New values for a living container, all or none; NULL: as it was. What was there before is in *ret_old, for resctrl_restore();
 * caller frees. */
int resctrl_update(const struct config_rdt *rdt, const char *id, const char *root, const char *l3_cache,
        const char *memory_bandwidth, char **ret_old, const struct log *log, struct lc_error **err);
void resctrl_restore(const struct config_rdt *rdt, const char *id, const char *root, const char *old);

/* Where a container's files are; `monitor` NULL: it is not monitored by itself. 0 or -errno. */
struct resctrl_paths {
    char *root, *class, *monitor; /* to be freed */
};
int resctrl_find(const struct config_rdt *rdt, const char *id, const char *root, struct resctrl_paths *ret);

bool resctrl_is_mounted(void);
/* Appends the object that `runc events --stats` calls intel_rdt; nothing when resctrl is not there. */
void resctrl_stats_json(const struct config_rdt *rdt, const char *id, const char *root, struct buffer *out);

/* Removes what was made for this container: a class of a given name only when no task of another one is left in it, but always
 * the monitoring group. Missing ones are fine. 0 or -errno. */
int resctrl_remove(const char *made, const char *id);

#endif
