/* Who makes the groups of a container: we ourselves in the file systems, or systemd. */
#include "internal.h"

#include <base/util.h>

static const struct cgroup_driver fs = { .name = "fs", .plan = fs_plan };
static const struct cgroup_driver systemd = { .name = "systemd", .plan = systemd_plan };

const struct cgroup_driver *cgroup_driver_wanted(const struct config_cgroups *cgroups)
{
    return cgroups->systemd ? &systemd : &fs;
}

const struct cgroup_driver *cgroup_driver_of(const struct cgroup_set *set)
{
    return set->unit != NULL ? &systemd : &fs;
}

int cgroup_make_v2(const struct lc_config *config, struct cgroup_set *set, const struct log *log, int *ret_fd,
        struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);
    int r = driver->prepare != NULL ? driver->prepare(config, set, log, err) : 0;

    return r < 0 ? r : groups_make(config, set, &cgroup_version_2, log, ret_fd, err);
}

int cgroup_make_v1(
        const struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err)
{
    return groups_make(config, set, &cgroup_version_1, log, NULL, err);
}

int cgroup_place(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);

    return driver->place != NULL ? driver->place(set, pid, placed, err) : 0;
}

int cgroup_remove(const struct cgroup_set *set, int timeout_ms)
{
    const struct cgroup_driver *driver = cgroup_driver_of(set);
    int first = groups_remove(set, timeout_ms);
    int r = driver->remove != NULL ? driver->remove(set, timeout_ms) : 0;

    return first < 0 ? first : r;
}
