#ifndef CONTAINER_IDMAP_H
#define CONTAINER_IDMAP_H

#include "container.h"

/* Writes the maps of the process's new user namespace; without mappings in the configuration, 0 becomes the caller. */
int idmap_write(const struct lc_config *config, pid_t pid, struct lc_error **err);

#endif
