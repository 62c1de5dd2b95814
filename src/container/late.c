/* Groups that a container of a root directory was made without, because nothing was asked of them: made when something is. */
#include "control.h"

#include <base/util.h>

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX 1000

static int move_fail(int errnum, struct lc_error **err)
{
    return error_raise(err, &(struct error_site){ .stage = "cgroup", .op = "cgroup.procs", .errnum = errnum },
            "the container's processes cannot be put into another group");
}

/* One that its frozen parent cannot wait for is in no group any more. */
static bool is_alive(pid_t pid)
{
    struct identity identity;

    return identity_read(pid, &identity) == 0 && identity_runs(&identity);
}

int late_move_in(struct container *container, struct lc_error **err)
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

int late_add(struct container *container, enum cgroup_controller controller,
        const struct config_cgroups *wanted, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    char fallback[sizeof(container->id) + 16];
    int r;

    (void)snprintf(fallback, sizeof(fallback), "/nsinit/%s", container->id);
    r = cgroup_late_plan(groups, controller, wanted, fallback, err);
    /* Written down before it is there, as everything that is to be removed. */
    if (r == 0)
        r = record_write(container, err);
    if (r == 0)
        r = cgroup_late_make(groups, container->log, err);
    return r;
}

void late_undo(struct container *container)
{
    if (cgroup_late_undo(&container->record.groups) == 0)
        (void)record_write(container, NULL);
}

static int provide(struct container *container, enum cgroup_controller controller,
        const struct config_cgroups *wanted, struct lc_error **err)
{
    size_t known = container->record.groups.count;
    int r = late_add(container, controller, wanted, err);

    if (r == 0)
        r = late_move_in(container, err);
    if (r < 0 && container->record.groups.count != known)
        late_undo(container);
    return r;
}

/* Frozen, so that nobody is born outside meanwhile. */
static int provide_all(struct container *container, const struct config_cgroups *wanted, uint32_t missing,
        struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    bool paused = cgroup_frozen(groups) > 0;
    int r = paused ? 0 : control_freeze(container, true, err), thawed = 0;

    /* Some hierarchies have several of them. */
    while (r == 0 && missing != 0) {
        unsigned next = (unsigned)__builtin_ctz(missing);
        uint32_t left = 0;

        r = provide(container, next, wanted, err);
        if (r == 0)
            r = cgroup_missing(groups, wanted, &left, err);
        missing &= left & ~CGROUP_BIT(next);
    }
    if (!paused && cgroup_frozen(groups) > 0)
        thawed = control_freeze(container, false, r == 0 ? err : NULL);
    return r < 0 ? r : thawed;
}

int late_provide(struct container *container, const struct config_cgroups *wanted, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    uint32_t missing = 0;
    int r = cgroup_missing(groups, wanted, &missing, err);

    if (r == 0 && missing != 0)
        r = cgroup_late_enable(groups, missing, container->log, err);
    if (r == 0 && missing != 0)
        r = cgroup_missing(groups, wanted, &missing, err);
    /* An OCI container is in every hierarchy from the start. */
    if (r < 0 || missing == 0 || container->record.oci.present)
        return r;
    return provide_all(container, wanted, missing, err);
}
