/* A group for a container that was made without one: v1 has a hierarchy of its own for freezing, and one for each controller,
 * which nobody should have to pay for at the start who does not use it. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LATE_TIMEOUT_MS 1000

/* No limits and no rules for devices. */
static const struct lc_config plain = { .cgroups = { .present = true, .device_access = true } };

static bool is_offered(const char *mount, const char *base, enum cgroup_controller controller)
{
    uint32_t offered = 0;

    return plan_v2_controllers(mount, base, &offered) == 0 && (offered & CGROUP_BIT(controller)) != 0;
}

/* Its own group in this hierarchy: there is no second one to be had. */
static bool is_there(const struct cgroup_set *set, const char *path)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->groups[i].path, path) == 0)
            return true;
    return false;
}

static int find_mount(const struct layout *layout, enum cgroup_controller controller, char **ret_mount,
        const char **ret_base, bool *ret_v2)
{
    for (size_t i = 0; i < layout->n_v1; i++) {
        *ret_v2 = false;
        *ret_base = "";
        if ((layout->v1[i].controllers & CGROUP_BIT(controller)) != 0 &&
                layout_mount_v1(&layout->v1[i], ret_mount) == 0)
            return 0;
    }
    *ret_v2 = true;
    /* An ordinary user's are below the group that was handed to him. */
    *ret_base = geteuid() == 0 || layout->v2_path == NULL || strcmp(layout->v2_path, "/") == 0
                        ? ""
                        : layout->v2_path;
    if (layout->v2_path == NULL || layout_mount_v2(ret_mount) < 0)
        return -ENOENT;
    return controller == CGROUP_FREEZER || is_offered(*ret_mount, *ret_base, controller) ? 0 : -ENOENT;
}

static int plan_fail(enum cgroup_controller controller, const struct config_cgroups *wanted, int errnum,
        struct lc_error **err)
{
    char pointer[128] = "/cgroups";
    struct error_site site = { .stage = "cgroup",
        .pointer = pointer,
        .errnum = errnum == ENOENT ? ENOTSUP : errnum,
        .hint = "mount the freezer hierarchy, or cgroup2 of Linux 5.2 or newer" };

    if (controller == CGROUP_FREEZER)
        return error_raise(err, &site, "there is no control group that can be frozen");
    (void)cgroup_needs(wanted, controller, pointer, sizeof(pointer));
    site.hint = "leave the key out";
    return error_raise(err, &site, "the %s controller is in no cgroup hierarchy that is mounted here",
            cgroup_controller_name(controller, false));
}

int cgroup_missing(const struct cgroup_set *set, const struct config_cgroups *wanted, uint32_t *ret_missing,
        struct lc_error **err)
{
    uint32_t missing = 0;
    char pointer[128];

    for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
        if (i == CGROUP_DEVICES || !cgroup_needs(wanted, i, pointer, sizeof(pointer)) ||
                cgroup_find(set, i) != NULL)
            continue;
        if (i == CGROUP_MEMORY)
            return error_raise(err,
                    &(struct error_site){ .stage = "cgroup",
                            .errnum = ENOTSUP,
                            .pointer = pointer,
                            .hint = "start it with a limit of memory, if only a high one" },
                    "the memory controller has no group of this container, and one made now would not count "
                    "what is in use already");
        missing |= CGROUP_BIT(i);
    }
    *ret_missing = missing;
    return 0;
}

int cgroup_late_enable(
        const struct cgroup_set *set, uint32_t controllers, const struct log *log, struct lc_error **err)
{
    CLEAN_FD int fd = -EBADF;

    /* What is handed down in systemd's slices is its own business. */
    for (size_t i = 0; i < set->count && set->unit == NULL; i++) {
        struct cgroup_set one = { .groups = { set->groups[i] }, .count = 1 };

        one.groups[0].made = false;
        one.groups[0].controllers = controllers;
        if (set->groups[i].v2)
            return cgroup_make_v2(&plain, &one, log, &fd, err);
    }
    return 0;
}

int cgroup_late_plan(struct cgroup_set *set, enum cgroup_controller controller,
        const struct config_cgroups *wanted, const char *fallback, struct lc_error **err)
{
    struct cgroup_group *group = &set->groups[set->count];
    const char *below = fallback, *base = "";
    CLEAN_FREE char *mount = NULL;
    struct layout layout;
    int r;

    if (set->count == CGROUP_HIERARCHIES_MAX)
        return plan_fail(controller, wanted, ENOSPC, err);
    r = layout_read(&layout, err);
    if (r < 0)
        return r;
    /* All groups of a container have one path, each in its hierarchy; a user's of v2 is below his own. */
    if (set->count > 0 && (!set->groups[0].v2 || geteuid() == 0))
        below = set->groups[0].path + strlen(set->groups[0].mount);
    *group = (struct cgroup_group){ .made = true,
        .controllers = controller == CGROUP_FREEZER ? 0 : CGROUP_BIT(controller) };
    r = find_mount(&layout, controller, &mount, &base, &group->v2);
    if (r == 0 && asprintf(&group->path, "%s%s%s", mount, base, below) < 0) {
        group->path = NULL;
        r = -ENOMEM;
    }
    layout_done(&layout);
    if (r == 0 && is_there(set, group->path))
        r = -ENOENT;
    if (r < 0) {
        free(group->path);
        *group = (struct cgroup_group){ 0 };
        return plan_fail(controller, wanted, -r, err);
    }
    group->mount = TAKE_POINTER(mount);
    set->count++;
    return 0;
}

int cgroup_late_make(struct cgroup_set *set, const struct log *log, struct lc_error **err)
{
    struct cgroup_group *group = &set->groups[set->count - 1];
    struct cgroup_set one = { .groups = { *group }, .count = 1 };
    CLEAN_FD int fd = -EBADF;
    int r = group->v2 ? cgroup_make_v2(&plain, &one, log, &fd, err) : cgroup_make_v1(&plain, &one, log, err);

    group->made = one.groups[0].made;
    return r;
}

static int write_pids(int fd, const pid_t *pids, size_t count)
{
    int r = fd < 0 ? fd : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        char number[16];

        (void)snprintf(number, sizeof(number), "%d", (int)pids[i]);
        r = cgroup_write_text(fd, number);
        /* One that has just ended need not be moved. */
        if (r == -ESRCH || r == -EINVAL)
            r = 0;
    }
    return r;
}

/* Where the process that a layout is of is in this group's hierarchy; NULL when that cannot be seen from here. */
static char *path_in(const struct layout *layout, const struct cgroup_group *group)
{
    uint32_t wanted = group->controllers != 0 ? group->controllers : CGROUP_BIT(CGROUP_FREEZER);
    const char *below = group->v2 ? layout->v2_path : NULL;
    char *path;

    for (size_t i = 0; i < layout->n_v1 && !group->v2; i++)
        if ((layout->v1[i].controllers & wanted) != 0)
            below = layout->v1[i].path;
    /* "/.." is how the kernel calls what is outside our cgroup namespace. */
    if (below == NULL || strncmp(below, "/..", strlen("/..")) == 0 ||
            asprintf(&path, "%s%s", group->mount, below) < 0)
        return NULL;
    return path;
}

static char *group_of(const struct cgroup_group *group, pid_t pid)
{
    struct layout layout;
    char *path;

    if (layout_read_process(pid, &layout) < 0)
        return NULL;
    path = path_in(&layout, group);
    layout_done(&layout);
    return path;
}

int cgroup_late_move(struct cgroup_set *set, const pid_t *pids, size_t count)
{
    struct cgroup_group *group = &set->groups[set->count - 1];
    CLEAN_FD int fd = cgroup_open_file(group, "cgroup.procs", O_WRONLY);

    for (size_t i = 0; i < count && group->origin == NULL; i++)
        group->origin = group_of(group, pids[i]);
    return write_pids(fd, pids, count);
}

int cgroup_take_out(pid_t pid)
{
    CLEAN_FREE char *mount = NULL, *path = NULL;
    struct cgroup_group own = { 0 };
    CLEAN_FD int fd = -EBADF;
    const char *base;
    struct layout layout;
    int r = layout_read(&layout, NULL);

    if (r < 0)
        return r;
    r = find_mount(&layout, CGROUP_FREEZER, &mount, &base, &own.v2);
    own.mount = mount;
    if (r == 0 && !own.v2)
        own.path = path = path_in(&layout, &own);
    layout_done(&layout);
    fd = path != NULL ? cgroup_open_file(&own, "cgroup.procs", O_WRONLY) : -ENOENT;
    return write_pids(fd, &pid, 1);
}

int cgroup_late_undo(struct cgroup_set *set)
{
    struct cgroup_group *group = &set->groups[set->count - 1];
    struct cgroup_set one = { .groups = { *group }, .count = 1 };
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;
    CLEAN_FD int fd = -EBADF;
    struct cgroup_group origin = { .path = group->origin };
    /* Somebody else's: nothing of it is ours to undo. */
    int r = group->made ? cgroup_processes(&one, &pids, &count) : 0;

    if (r == 0 && count > 0) {
        fd = origin.path != NULL ? cgroup_open_file(&origin, "cgroup.procs", O_WRONLY) : -EXDEV;
        r = write_pids(fd, pids, count);
    }
    if (r == 0 && group->made)
        r = cgroup_remove(&one, LATE_TIMEOUT_MS);
    if (r < 0 && r != -ENOENT)
        return r;
    free(group->path);
    free(group->mount);
    free(group->origin);
    *group = (struct cgroup_group){ 0 };
    set->count--;
    return 0;
}
