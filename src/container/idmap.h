#ifndef CONTAINER_IDMAP_H
#define CONTAINER_IDMAP_H

#include "container.h"

/* Writes the maps of the process's new user namespace; without mappings in the configuration, 0 becomes the caller. */
int idmap_write(const struct lc_config *config, pid_t pid, struct lc_error **err);
/* By newuidmap or newgidmap (`helper`), for an ordinary user who maps more than himself. */
int idmap_by_helper(pid_t pid, const char *helper, const struct config_mapping *mappings, size_t count,
        const char *pointer, struct lc_error **err);
int idmap_write_mappings(
        const struct config_mappings *mappings, pid_t pid, const char *pointer, struct lc_error **err);
/* idmap-mounts.c: maps the ids of a detached tree, as the mount or the container's user namespace says. */
int idmap_mount(
        int tree, const struct lc_config *config, const struct plan_given *given, struct lc_error **err);

#endif
