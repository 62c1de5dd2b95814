/* Where a config.json puts its container: into every hierarchy of the host. Looks, but changes nothing. */
#include "internal.h"

#include <base/util.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define POINTER "/linux/cgroupsPath"

static int place_path(struct planner *planner, const char *id)
{
    const char *path = planner->config->cgroups.path;

    if (path == NULL || path[0] == '\0')
        path = id;
    planner->below = calloc(1, strlen(path) + 2);
    if (planner->below == NULL)
        return plan_out_of_memory(planner->err);
    if (plan_add_components(planner->below, path, POINTER, planner->err) < 0)
        return -EINVAL;
    if (planner->below[0] != '\0')
        return 0;
    return error_raise(planner->err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = EINVAL,
                    .pointer = POINTER,
                    .hint = "name a group below the root, such as \"/ID\"" },
            "\"%s\" is the root of the hierarchies, which is nobody's own", path);
}

/* The caller's own group, below which a relative path begins. In a container of our own, whose mount shows less than
 * that: the root of what is mounted. */
static const char *own_base(const struct planner *planner, const char *mount, const char *own)
{
    const char *path = planner->config->cgroups.path;
    char full[PATH_MAX];

    if ((path != NULL && path[0] == '/') || strcmp(own, "/") == 0 || strncmp(own, "/..", 3) == 0)
        return "";
    if (snprintf(full, sizeof(full), "%s%s", mount, own) >= (int)sizeof(full) || access(full, F_OK) < 0)
        return "";
    return own;
}

/* May this user make the group? The nearest directory that exists decides. */
static bool may_make(const char *mount, const char *base, const char *below)
{
    char path[PATH_MAX];
    size_t top = strlen(mount);

    if (geteuid() == 0)
        return true;
    if (snprintf(path, sizeof(path), "%s%s%s", mount, base, below) >= (int)sizeof(path))
        return false;
    while (strlen(path) > top && access(path, F_OK) < 0)
        *strrchr(path, '/') = '\0';
    return access(path, W_OK) == 0;
}

/* Nothing but the name of the container asks for this hierarchy: does without. */
static int leave_out(struct planner *planner, const char *names, const char *mount, uint32_t needed)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;
    struct error_site site = { .stage = "cgroup",
        .errnum = EACCES,
        .object = mount,
        .hint = "have a group delegated to this user: of cgroup v2 by systemd-run --user --scope -p "
                "Delegate=yes, of v1 by root's chown; or leave cgroupsPath and this limit out" };
    char pointer[128];

    needed &= ~CGROUP_BIT(CGROUP_DEVICES); /* without privileges no node can be made anyway */
    if (needed != 0) {
        (void)cgroup_needs(cgroups, (unsigned)__builtin_ctz(needed), pointer, sizeof(pointer));
        site.pointer = pointer;
        return error_raise(planner->err, &site,
                "rootless needs no limits + no cgrouppath when no permission is granted for cgroups: the %s "
                "controller is not delegated to this user",
                cgroup_controller_name((unsigned)__builtin_ctz(needed), false));
    }
    if (cgroups->path != NULL && cgroups->path[0] != '\0') {
        site.pointer = POINTER;
        return error_raise(planner->err, &site, "unable to apply cgroup configuration: permission denied");
    }
    return plan_warn(
            planner, planner->set.warning == NULL ? "no control group for want of permission: " : "", names);
}

static int place_v1(struct planner *planner, const struct layout_hierarchy *hierarchy, uint32_t *needed)
{
    uint32_t here = hierarchy->controllers & *needed;
    CLEAN_FREE char *mount = NULL;
    const char *base;
    int r = layout_mount_v1(hierarchy, &mount);

    if (r == -ENOENT)
        return 0; /* somebody else's mount namespace: a limit that needs it is refused below */
    if (r < 0)
        return plan_out_of_memory(planner->err);
    *needed &= ~here;
    base = own_base(planner, mount, hierarchy->path);
    if (!may_make(mount, base, planner->below))
        return leave_out(planner, hierarchy->names, mount, here);
    r = plan_add_group(planner, TAKE_POINTER(mount), base, false, hierarchy->controllers);
    return r < 0 ? r : plan_check_files(planner, here, 1);
}

/* A group with processes cannot hand controllers down, and the caller is in its own: so the one above. */
static char *v2_base(const struct planner *planner, const char *mount, bool controllers)
{
    char *base = strdup(own_base(planner, mount, planner->layout.v2_path));

    if (base != NULL && controllers && base[0] != '\0')
        *strrchr(base, '/') = '\0';
    return base;
}

/* Where v1 has all that is asked for, a place to search for is not worth the search: mountinfo is long. */
static int mount_v2(const struct planner *planner, uint32_t needed, char **ret_mount)
{
    bool asked = needed != 0 || planner->set.count == 0 || planner->config->cgroups.n_unified > 0;

    if (planner->layout.v2_path == NULL)
        return -ENOENT;
    return asked ? layout_mount_v2(ret_mount) : layout_mount_v2_usual(ret_mount);
}

static int place_v2(struct planner *planner, uint32_t needed)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;
    uint32_t real = needed & ~CGROUP_BIT(CGROUP_DEVICES), offered = 0;
    bool pure = planner->set.count == 0;
    CLEAN_FREE char *mount = NULL, *base = NULL;
    int r = 0;

    if (mount_v2(planner, needed, &mount) < 0) {
        r = unified_check_offered(planner, false, 0);
        if (r < 0)
            return r;
        return needed == 0 ? 0
                           : plan_refuse(planner, (unsigned)__builtin_ctz(needed),
                                     "is in no cgroup hierarchy that is mounted here");
    }
    base = v2_base(planner, mount, pure || real != 0);
    if (base == NULL)
        return plan_out_of_memory(planner->err);
    if (!may_make(mount, base, planner->below))
        return leave_out(planner, "unified", mount, needed);
    if (pure || real != 0 || cgroups->n_unified > 0)
        r = plan_v2_controllers(mount, base, &offered);
    if (r == 0 && unified_check_offered(planner, true, offered) < 0)
        return -ENOTSUP;
    if (r < 0 || (real & ~offered) != 0)
        return plan_refuse(planner, (unsigned)__builtin_ctz(real & ~offered),
                base[0] == '\0' ? "is in no cgroup hierarchy of this host"
                                : "is not handed down to the group of the caller");
    r = plan_add_group(planner, TAKE_POINTER(mount), base, true, needed | (pure ? offered : 0));
    return r < 0 ? r : plan_check_files(planner, needed, 2);
}

int place_plan(struct planner *planner, const char *id)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;
    uint32_t needed = plan_needed(cgroups);
    int r = place_path(planner, id);

    /* Only a user without privileges goes without: nobody else is asked. */
    if (geteuid() != 0)
        needed &= ~CGROUP_BIT(CGROUP_DEVICES);
    for (size_t i = 0; r == 0 && i < planner->layout.n_v1; i++)
        r = place_v1(planner, &planner->layout.v1[i], &needed);
    return r < 0 ? r : place_v2(planner, needed);
}
