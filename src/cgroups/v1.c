/* What is particular to cgroup v1. */
#include "internal.h"

#include <base/util.h>

#include <string.h>

static int fill_cpuset(const struct walk *walk, int parent_fd, int fd, size_t length)
{
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    bool leaf = walk->group->path[length] == '\0';
    CLEAN_FREE char *path = NULL;
    struct group_dir dir = { .fd = fd, .log = walk->log, .err = walk->err };

    if ((walk->group->controllers & CGROUP_BIT(CGROUP_CPUSET)) == 0)
        return 0;
    path = strndup(walk->group->path, length);
    if (path == NULL)
        return walk_fail(walk, length, ENOMEM, &(struct error_site){ 0 }, NULL);
    dir.path = path;
    dir.may_vanish = !leaf && walk->tries_left > 0;
    return cpuset_inherit(
            parent_fd, &dir, leaf && cgroups->cpuset_cpus != NULL, leaf && cgroups->cpuset_mems != NULL);
}

static int apply(const struct walk *walk, int fd)
{
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    struct group_dir dir = { .fd = fd, .path = walk->group->path, .log = walk->log, .err = walk->err };
    struct group_dir quiet = { .fd = fd, .path = walk->group->path };
    uint32_t controllers = walk->group->controllers;
    int r = 0;

    /* A group with an older, lower memory+swap limit would not take a higher memory limit. */
    if (!walk->group->made && (controllers & CGROUP_BIT(CGROUP_MEMORY)) != 0)
        (void)group_write(&quiet, "memory.memsw.limit_in_bytes", "-1", NULL);
    if ((controllers & CGROUP_BIT(CGROUP_DEVICES)) != 0)
        r = device_rules_write_v1(walk->config, &dir);
    return r < 0 ? r : group_write_limits(&dir, cgroups, walk->group);
}

const struct version cgroup_version_1 = { .v2 = false, .after_child = fill_cpuset, .apply = apply };
