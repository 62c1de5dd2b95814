/* Who makes the groups of a container: we ourselves in the file systems, or systemd. */
#include "internal.h"

#include <base/util.h>
#include <string.h>

static const struct cgroup_driver fs = { .name = "fs", .plan = fs_plan };
static const struct cgroup_driver systemd = { .name = "systemd",
    .plan = systemd_plan,
    .keep = systemd_keep,
    .soften = systemd_soften,
    .prepare = systemd_prepare,
    .place = systemd_place,
    .update = systemd_update,
    .undo = systemd_undo,
    .end = systemd_end };

const struct cgroup_driver *cgroup_driver_wanted(const struct config_cgroups *cgroups)
{
    return cgroups->systemd ? &systemd : &fs;
}

const struct cgroup_driver *cgroup_driver_of(const struct cgroup_set *set)
{
    return set->unit != NULL ? &systemd : &fs;
}

static bool limits_memory(const struct config_cgroups *cgroups)
{
    bool limits = cgroups->limits[LIMIT_MEMORY].set;

    for (size_t i = 0; i < cgroups->n_unified; i++)
        limits |= strcmp(cgroups->unified[i].name, "memory.max") == 0;
    return limits;
}

void cgroup_keep(const struct lc_config *config, bool asked, struct cgroup_set *set)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    if (driver->keep != NULL && (asked || limits_memory(&config->cgroups)))
        driver->keep(set);
}

pid_t cgroup_keeper(const struct cgroup_set *set)
{
    return set->unit != NULL ? set->unit->keeper : 0;
}

void cgroup_driver_soften(const struct cgroup_set *set, struct config_cgroups *cgroups)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    if (driver->soften != NULL)
        driver->soften(set, cgroups);
}

int cgroup_make_v2(const struct lc_config *config, struct cgroup_set *set, const struct log *log, int *ret_fd,
        struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);
    struct lc_config softer = *config;
    int r = driver->prepare != NULL ? driver->prepare(&softer, set, log, err) : 0;

    if (r == 0)
        r = groups_make(&softer, set, &cgroup_version_2, log, ret_fd, err);
    for (size_t i = 0; r == 0 && i < set->count; i++)
        if (set->groups[i].v2 && !systemd_may_enter(set, &set->groups[i]))
            fd_close(ret_fd); /* systemd moves it there */
    return r;
}

int cgroup_make_v1(
        const struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err)
{
    struct lc_config softer = *config;

    cgroup_driver_soften(set, &softer.cgroups);
    return groups_make(&softer, set, &cgroup_version_1, log, NULL, err);
}

int cgroup_place(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    return driver->place != NULL ? driver->place(set, pid, placed, err) : 0;
}

int cgroup_driver_update(
        const struct cgroup_set *set, const struct config_cgroups *wanted, struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    return driver->update != NULL ? driver->update(set, wanted, err) : 0;
}

void cgroup_driver_undo(const struct cgroup_set *set)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    if (driver->undo != NULL)
        driver->undo(set);
}

int cgroup_end(struct cgroup_set *set, struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    return driver->end != NULL ? driver->end(set, err) : 0;
}
