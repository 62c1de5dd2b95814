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
            parent_fd, &dir, leaf && walk->group->made && !walk->group->adopted, leaf ? cgroups : NULL);
}

/* A group below a frozen one is frozen too, and the container would never start. */
static int check_thawed(const struct walk *walk, int fd)
{
    const char *const pointer = cgroup_pointer(&walk->config->cgroups, CGROUP_KEY_PARENT);
    CLEAN_FREE char *state = NULL;

    if (cgroup_read_text(fd, "freezer.state", &state) < 0 || strcmp(state, "THAWED\n") == 0)
        return 0;
    return walk_fail(walk, strlen(walk->group->path), EBUSY, &(struct error_site){ .pointer = pointer },
            "container's cgroup unexpectedly frozen: a group above it is");
}

static int apply(const struct walk *walk, int fd)
{
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    struct group_dir dir = { .fd = fd, .path = walk->group->path, .log = walk->log, .err = walk->err };
    struct group_dir quiet = { .fd = fd, .path = walk->group->path };
    uint32_t controllers = walk->group->controllers;
    bool fresh = walk->group->made && !walk->group->adopted;
    int r = 0;

    /* A group with an older, lower memory+swap limit would not take a higher memory limit. */
    if (!fresh && (controllers & CGROUP_BIT(CGROUP_MEMORY)) != 0 && cgroups->limits[LIMIT_MEMORY].set)
        (void)group_write(&quiet, "memory.memsw.limit_in_bytes", "-1", NULL);
    if ((controllers & CGROUP_BIT(CGROUP_MEMORY)) != 0 && cgroups->limits[LIMIT_MEMORY_KERNEL].set)
        log_warning(
                walk->log, "kernel memory is not limited on its own any more: memory.kernel has no effect");
    if ((controllers & CGROUP_BIT(CGROUP_FREEZER)) != 0)
        r = check_thawed(walk, fd);
    if (r == 0)
        r = device_rules_apply(walk, fd);
    return r < 0 ? r : group_write_limits(&dir, cgroups, walk->group);
}

const struct version cgroup_version_1 = { .v2 = false, .after_child = fill_cpuset, .apply = apply };
