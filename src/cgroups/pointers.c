/* The keys of either format that stand behind a group, for messages. */
#include "internal.h"

const char *cgroup_pointer(const struct config_cgroups *cgroups, enum cgroup_key key)
{
    static const char *const keys[][2] = {
        [CGROUP_KEY_GROUP] = { "/cgroups", "/linux/cgroupsPath" },
        [CGROUP_KEY_NAME] = { "/cgroups/name", "/linux/cgroupsPath" },
        [CGROUP_KEY_PARENT] = { "/cgroups/parent", "/linux/cgroupsPath" },
        [CGROUP_KEY_DEVICES] = { "/cgroups/device_access", "/linux/resources/devices" },
        [CGROUP_KEY_CPUS] = { "/cgroups/cpuset_cpus", "/linux/resources/cpu/cpus" },
        [CGROUP_KEY_MEMS] = { "/cgroups/cpuset_mems", "/linux/resources/cpu/mems" },
    };

    return keys[key][cgroups->oci];
}
