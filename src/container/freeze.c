/* pause and resume. A container of a root directory may have been made without a group that can be frozen: it gets one when
 * somebody wants to freeze it. */
#include "control.h"

#include <base/util.h>

#include <stdio.h>
#include <stdlib.h>

#define FREEZE_TIMEOUT_MS 10000
#define ROUNDS_MAX 1000

static int move_fail(int errnum, struct lc_error **err)
{
    return error_raise(err, &(struct error_site){ .stage = "pause", .op = "cgroup.procs", .errnum = errnum },
            "the container's processes cannot be put into a group that can be frozen");
}

/* One that its frozen parent cannot wait for is in no group any more. */
static bool is_alive(pid_t pid)
{
    struct identity identity;

    return identity_read(pid, &identity) == 0 && identity_runs(&identity);
}

/* Into a group that is frozen already: each stops as it comes in, so that what is left outside grows no more. */
static int move_in(struct container *container, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        CLEAN_FREE pid_t *all = NULL, *inside = NULL;
        size_t n_all = 0, n_inside = 0, n = 0;
        struct cgroup_set only = { .groups = { groups->groups[groups->count - 1] }, .count = 1 };
        int r;

        /* Who belongs to it is said by what was there before. */
        groups->count--;
        r = processes_find(container, &all, &n_all);
        groups->count++;
        if (r == 0)
            r = cgroup_processes(&only, &inside, &n_inside);
        if (r < 0)
            return move_fail(-r, err);
        /* Both are in order. */
        for (size_t i = 0, j = 0; i < n_all; i++) {
            while (j < n_inside && inside[j] < all[i])
                j++;
            if ((j == n_inside || inside[j] != all[i]) && is_alive(all[i]))
                all[n++] = all[i];
        }
        if (n == 0)
            return 0;
        r = cgroup_late_move(groups, all, n);
        if (r < 0)
            return move_fail(-r, err);
    }
    return move_fail(EAGAIN, err);
}

static int add_group(struct container *container, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    char fallback[sizeof(container->id) + 16];
    int r;

    (void)snprintf(fallback, sizeof(fallback), "/nsinit/%s", container->id);
    r = cgroup_late_plan(groups, fallback, err);
    /* Written down before it is there, as everything that is to be removed. */
    if (r == 0)
        r = record_write(container, err);
    if (r == 0)
        r = cgroup_late_make(groups, container->log, err);
    return r;
}

int control_freeze(struct container *container, bool frozen, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    size_t known;
    int r;

    if (container->record.oci.present || !frozen || cgroup_can_freeze(groups))
        return cgroup_freeze(groups, frozen, FREEZE_TIMEOUT_MS, err);
    known = groups->count;
    r = add_group(container, err);
    if (r == 0)
        r = cgroup_freeze(groups, true, FREEZE_TIMEOUT_MS, err);
    if (r == 0)
        r = move_in(container, err);
    if (r == 0)
        r = cgroup_freeze(groups, true, FREEZE_TIMEOUT_MS, err);
    if (r == 0 || groups->count == known)
        return r;
    /* Half of the container in a group would hide the other half. */
    (void)cgroup_freeze(groups, false, FREEZE_TIMEOUT_MS, NULL);
    if (cgroup_late_undo(groups) == 0)
        (void)record_write(container, NULL);
    return r;
}
