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

/* What is left when the v2 group, if there is one, has got what can be handed down to it. */
static int look_for(struct container *container, const struct config_cgroups *wanted, uint32_t *ret_missing,
        struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    int r = cgroup_missing(groups, wanted, ret_missing, err);

    if (r < 0 || *ret_missing == 0)
        return r;
    r = cgroup_late_enable(groups, *ret_missing, container->log, err);
    return r < 0 ? r : cgroup_missing(groups, wanted, ret_missing, err);
}

static int provide_each(
        struct container *container, const struct config_cgroups *wanted, struct lc_error **err)
{
    uint32_t tried = 0;

    for (;;) {
        uint32_t missing = 0;
        int r = look_for(container, wanted, &missing, err);

        missing &= ~tried;
        if (r < 0 || missing == 0)
            return r;
        tried |= missing & -missing;
        r = provide(container, (unsigned)__builtin_ctz(missing), wanted, err);
        if (r < 0)
            return r;
    }
}

int late_provide(struct container *container, const struct config_cgroups *wanted, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    uint32_t missing = 0;
    bool paused;
    int r = look_for(container, wanted, &missing, err), thawed = 0;

    /* An OCI container is in every hierarchy from the start. */
    if (r < 0 || missing == 0 || container->record.oci.present)
        return r;
    /* Frozen, so that nobody is born outside meanwhile. */
    paused = cgroup_frozen(groups) > 0;
    if (!paused)
        r = control_freeze(container, true, err);
    if (r == 0)
        r = provide_each(container, wanted, err);
    if (!paused && cgroup_frozen(groups) > 0)
        thawed = control_freeze(container, false, r == 0 ? err : NULL);
    return r < 0 ? r : thawed;
}
