/* A group for freezing, for a container that was made without one: v1 has a hierarchy of its own for that, which nobody who
 * does not freeze should have to pay for at the start. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LATE_TIMEOUT_MS 1000

static int find_mount(const struct layout *layout, char **ret_mount, const char **ret_base, bool *ret_v2)
{
    for (size_t i = 0; i < layout->n_v1; i++) {
        *ret_v2 = false;
        *ret_base = "";
        if ((layout->v1[i].controllers & CGROUP_BIT(CGROUP_FREEZER)) != 0 &&
                layout_mount_v1(&layout->v1[i], ret_mount) == 0)
            return 0;
    }
    *ret_v2 = true;
    /* An ordinary user's are below the group that was handed to him. */
    *ret_base = geteuid() == 0 || layout->v2_path == NULL || strcmp(layout->v2_path, "/") == 0
                        ? ""
                        : layout->v2_path;
    return layout->v2_path != NULL ? layout_mount_v2(ret_mount) : -ENOENT;
}

int cgroup_late_plan(struct cgroup_set *set, const char *fallback, struct lc_error **err)
{
    struct cgroup_group *group = &set->groups[set->count];
    const char *below = fallback, *base = "";
    CLEAN_FREE char *mount = NULL;
    struct layout layout;
    int r = layout_read(&layout, err);

    if (r < 0)
        return r;
    /* All groups of a container have one path, each in its hierarchy. */
    if (set->count > 0 && !set->groups[0].v2)
        below = set->groups[0].path + strlen(set->groups[0].mount);
    *group = (struct cgroup_group){ .made = true };
    r = set->count < CGROUP_HIERARCHIES_MAX ? find_mount(&layout, &mount, &base, &group->v2) : -ENOSPC;
    if (r == 0 && asprintf(&group->path, "%s%s%s", mount, base, below) < 0) {
        group->path = NULL;
        r = -ENOMEM;
    }
    layout_done(&layout);
    if (r < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "cgroup",
                        .pointer = "/cgroups",
                        .errnum = r == -ENOENT ? ENOTSUP : -r,
                        .hint = "mount the freezer hierarchy, or cgroup2 of Linux 5.2 or newer" },
                "there is no control group that can be frozen");
    group->mount = TAKE_POINTER(mount);
    set->count++;
    return 0;
}

int cgroup_late_make(const struct cgroup_set *set, const struct log *log, struct lc_error **err)
{
    /* No limits and no rules for devices: only to stand still together. */
    const struct lc_config plain = { .cgroups = { .present = true, .device_access = true } };
    struct cgroup_set one = { .groups = { set->groups[set->count - 1] }, .count = 1 };
    CLEAN_FD int fd = -EBADF;

    return one.groups[0].v2 ? cgroup_make_v2(&plain, &one, log, &fd, err)
                            : cgroup_make_v1(&plain, &one, log, err);
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

int cgroup_late_move(const struct cgroup_set *set, const pid_t *pids, size_t count)
{
    CLEAN_FD int fd = cgroup_open_file(&set->groups[set->count - 1], "cgroup.procs", O_WRONLY);

    return write_pids(fd, pids, count);
}

int cgroup_fetch(const struct cgroup_set *set, pid_t pid)
{
    const struct cgroup_group *group = cgroup_freezer_group(set);
    CLEAN_FD int fd = group != NULL && !group->v2 ? cgroup_open_file(group, "cgroup.procs", O_WRONLY) : -ENOENT;

    return write_pids(fd, &pid, 1);
}

int cgroup_late_undo(struct cgroup_set *set)
{
    struct cgroup_group *group = &set->groups[set->count - 1];
    struct cgroup_set one = { .groups = { *group }, .count = 1 };
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;
    CLEAN_FD int fd = -EBADF;
    struct cgroup_group top = { .path = group->mount };
    int r = cgroup_processes(&one, &pids, &count);

    if (r == 0 && count > 0) {
        fd = cgroup_open_file(&top, "cgroup.procs", O_WRONLY);
        r = write_pids(fd, pids, count);
    }
    if (r == 0)
        r = cgroup_remove(&one, LATE_TIMEOUT_MS);
    if (r < 0 && r != -ENOENT)
        return r;
    free(group->path);
    free(group->mount);
    *group = (struct cgroup_group){ 0 };
    set->count--;
    return 0;
}
