/* linux.intelRdt: a group of the resctrl file system, which divides caches and memory bandwidth (CLOS), and beside it a group that only
 * counts them (monitoring). */
#ifndef CGROUPS_RESCTRL_H
#define CGROUPS_RESCTRL_H

#include <base/error.h>
#include <config/config.h>

#include <sys/types.h>

/* Where resctrl is mounted; caller frees. -ENOTSUP, with what is missing: it is mounted nowhere. */
int resctrl_root(char **ret, struct lc_error **err);
/* No side effect: what resctrl_make will make for this container alone, to be recorded before; caller frees. NULL: nothing.
 * A group with a closID is for others too: it stays when the container goes. */
int resctrl_plan(const char *root, const struct config_rdt *rdt, const char *id, char **ret_made,
        struct lc_error **err);
/* Makes what is missing, writes the schemata and moves the process in. A group that exists is used if it is as the schemata
 * want it. */
int resctrl_make(
        const char *root, const struct config_rdt *rdt, const char *id, pid_t pid, struct lc_error **err);
/* Only moves a process into the groups of a container that has been made. */
int resctrl_join(
        const char *root, const struct config_rdt *rdt, const char *id, pid_t pid, struct lc_error **err);
/* Removes what the plan said; what is not there is fine, and so is NULL. 0 or -errno. */
int resctrl_remove(const char *made);

#endif
