/* Which group of a container has a controller. Asked of the files themselves: a record does not say it. */
#include "internal.h"

#include <base/util.h>

#include <limits.h>
#include <stdio.h>

/* A file that every group of the controller has, and no other. */
static const char *const probes[CGROUP_CONTROLLER_MAX_][2] = {
    [CGROUP_CPU] = { "cpu.shares", "cpu.weight" },
    [CGROUP_CPUSET] = { "cpuset.cpus", "cpuset.cpus" },
    [CGROUP_DEVICES] = { "devices.list", NULL },
    [CGROUP_MEMORY] = { "memory.limit_in_bytes", "memory.max" },
    [CGROUP_PIDS] = { "pids.max", "pids.max" },
    [CGROUP_BLKIO] = { "blkio.throttle.read_bps_device", "io.stat" },
    [CGROUP_NET_CLS] = { "net_cls.classid", NULL },
    [CGROUP_NET_PRIO] = { "net_prio.ifpriomap", NULL },
    [CGROUP_RDMA] = { "rdma.max", "rdma.max" },
    [CGROUP_MISC] = { "misc.current", "misc.current" },
    [CGROUP_DMEM] = { NULL, "dmem.current" },
    [CGROUP_FREEZER] = { "freezer.state", NULL },
    [CGROUP_CPUACCT] = { "cpuacct.usage", NULL },
};

bool cgroup_has_file(const struct cgroup_group *group, const char *file)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", group->path, file);

    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}

/* Its files are named after the page sizes of the machine. */
static bool has_hugetlb(const struct cgroup_group *group)
{
    static const char *const sizes[] = { "2MB", "1GB", "64KB", "32MB", "512MB", "1MB", "16MB", "16GB" };
    char file[64];

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        (void)snprintf(file, sizeof(file), "hugetlb.%s.%s", sizes[i], group->v2 ? "max" : "limit_in_bytes");
        if (cgroup_has_file(group, file))
            return true;
    }
    return false;
}

const struct cgroup_group *cgroup_find(const struct cgroup_set *set, enum cgroup_controller controller)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct cgroup_group *group = &set->groups[i];
        const char *probe = probes[controller][group->v2];

        if (controller == CGROUP_HUGETLB ? has_hugetlb(group)
                                         : probe != NULL && cgroup_has_file(group, probe))
            return group;
    }
    return NULL;
}
