/* Files of cgroup v2 that the configuration names itself. Nothing of it may be left out in silence: what v2 does not have here
 * is refused. */
#include "internal.h"

#include <base/util.h>

#include <stdio.h>
#include <string.h>

void cgroup_unified_pointer(
        const struct config_cgroups *cgroups, const struct config_pair *pair, char *pointer, size_t size)
{
    (void)snprintf(
            pointer, size, "%s/unified/%s", cgroups->oci ? "/linux/resources" : "/cgroups", pair->name);
}

/* Files that do something to the processes, instead of limiting them. */
static bool is_limit(const char *name)
{
    static const char *const others[] = { "cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze",
        "cgroup.type", "cgroup.subtree_control" };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (strcmp(name, others[i]) == 0)
            return false;
    }
    return strchr(name, '/') == NULL && strchr(name, '.') != NULL && name[0] != '.';
}

int unified_check(const struct config_cgroups *cgroups, struct lc_error **err)
{
    for (size_t i = 0; i < cgroups->n_unified; i++) {
        char pointer[128];

        if (is_limit(cgroups->unified[i].name))
            continue;
        cgroup_unified_pointer(cgroups, &cgroups->unified[i], pointer, sizeof(pointer));
        return error_raise(err,
                &(struct error_site){ .stage = "cgroup", .errnum = EINVAL, .pointer = pointer },
                "invalid configuration: \"%s\" is not a limit of cgroup v2", cgroups->unified[i].name);
    }
    return 0;
}

int unified_refuse(
        const struct config_cgroups *cgroups, const struct config_pair *pair, struct lc_error **err)
{
    char pointer[128];

    cgroup_unified_pointer(cgroups, pair, pointer, sizeof(pointer));
    return error_raise(err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = ENOTSUP,
                    .pointer = pointer,
                    .hint = "use the keys memory, cpu, pids..., which work with either version" },
            "invalid configuration: unified is for cgroup v2, and %s is not in a cgroup v2 hierarchy of this "
            "host",
            pair->name);
}

int unified_check_offered(struct planner *planner, bool v2, uint32_t offered)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;

    for (size_t i = 0; i < cgroups->n_unified; i++) {
        const char *name = cgroups->unified[i].name;
        bool core = strncmp(name, "cgroup.", strlen("cgroup.")) == 0;

        if (!v2 || (!core && (cgroup_file_controller(name) & offered) == 0))
            return unified_refuse(cgroups, &cgroups->unified[i], planner->err);
    }
    return 0;
}
