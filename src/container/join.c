#include "final.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <errno.h>

static int enter(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err)
{
    const struct record *record = &container->record;
    CLEAN_FD int group = -EBADF;
    int given[PLAN_GIVEN_MAX], r;

    (void)config;
    r = given_open(session->plan, record->init.pid, NULL, given, err);
    if (r < 0)
        return r;
    /* Looked at again after opening: what was opened belongs to the container, not to a later user of its pid. */
    if (!identity_alive(&record->init))
        r = error_raise(err, &(struct error_site){ .stage = "join", .errnum = ESRCH },
                "the container has just ended");
    if (r == 0)
        r = cgroup_open_v2(&record->groups, &group, err);
    if (r == 0)
        r = session_start(session, options->stdio, given, group, err);
    if (r == 0)
        r = session_place(session, &record->groups, err);
    /* The container is not needed unchanged any longer: others may join meanwhile. */
    container_unlock(container);
    if (r == 0)
        r = session_until(session, WIRE_READY, err);
    given_close(given, session->plan->n_given);
    return r;
}

int container_join(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err)
{
    struct plan_options plan_options = {
        .rootfs = container->rootfs,
        .argv = options->argv,
        .console = options->console,
        .rows = options->rows,
        .columns = options->columns,
        .privileged = geteuid() == 0,
        .die_with_parent = (options->flags & LC_DIE_WITH_CALLER) != 0,
    };
    struct plan_target target = { .namespaces = container->record.namespaces,
        .foreign_network = container->record.foreign_network };
    struct lc_plan *plan = NULL;
    int r = plan_join(config, &plan_options, &target, &plan, err);

    if (r < 0)
        return r;
    session->plan = plan;
    session->groups = &container->record.groups;
    session->memory_limited = true; /* it may be by now */
    r = enter(container, config, options, session, err);
    if (r < 0) {
        session_abort(session);
        final_blame(container, err != NULL ? *err : NULL);
    }
    plan_free(plan);
    session->plan = NULL;
    return r;
}
