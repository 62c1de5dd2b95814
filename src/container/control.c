/* kill, pause, resume, update, the numbers and the processes of a container that lives, and the functions for one of a root
 * directory; those for an id are in control-oci.c, so that a program without OCI containers is linked without their parser. */
#include "final.h"
#include "journal.h"

#include <base/util.h>

#include <signal.h>
#include <string.h>

static bool has_pid_namespace(const struct container *container)
{
    return (container->record.namespaces & NAMESPACE_BIT(NAMESPACE_PID)) != 0;
}

static int signal_first(const struct container *container, int signal, struct lc_error **err)
{
    CLEAN_FD int pidfd = identity_open(&container->record.init);
    int r = pidfd < 0 ? -ESRCH : signal_process(container->record.init.pid, pidfd, signal);

    if (r == -ESRCH)
        return refuse(err, "kill", ESRCH, "container not running");
    if (r < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "kill", .syscall = "pidfd_send_signal", .errnum = -r },
                "signal %d", signal);
    return 0;
}

/* Where no group holds them: who forks meanwhile may get away, but not from a SIGKILL, which ends the pid namespace. */
static int signal_listed(const struct container *container, int signal)
{
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;
    int r = processes_find(container, &pids, &count);

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct identity identity;
        CLEAN_FD int pidfd = identity_read(pids[i], &identity) == 0 ? identity_open(&identity) : -ESRCH;

        if (pidfd >= 0)
            (void)signal_process(pids[i], pidfd, signal);
    }
    return r;
}

static int signal_all(const struct container *container, int signal, struct lc_error **err)
{
    const struct cgroup_set *groups = &container->record.groups;
    int r;

    if (groups->count == 0 && signal == SIGKILL && has_pid_namespace(container))
        return signal_first(container, signal, err);
    r = groups->count > 0 ? cgroup_signal(groups, signal) : signal_listed(container, signal);
    return r < 0 ? error_raise(err, &(struct error_site){ .stage = "kill", .op = "cgroup", .errnum = -r },
                           "the container's processes cannot be found")
                 : 0;
}

int target_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err)
{
    struct container container = { .lock_fd = -EBADF };
    int r = options_flags(flags, LC_KILL_ALL, err);

    if (r == 0)
        r = target_open(runtime, id, false, &container, "kill", err);
    if (r < 0)
        return r;
    if ((flags & LC_KILL_ALL) != 0) {
        r = signal_all(&container, signal, err);
    } else if (container_status(&container) == STATUS_STOPPED) {
        if (runtime != NULL)
            final_record(&container, identity_status(&container.record.init), NULL);
        r = refuse(err, "kill", ESRCH, "container not running");
    } else {
        r = signal_first(&container, signal, err);
        /* A frozen process of v1 dies when it is thawed. */
        if (r == 0 && signal == SIGKILL && cgroup_frozen(&container.record.groups) > 0)
            (void)control_freeze(&container, false, NULL);
        /* Without a pid namespace of its own the others would live on. */
        if (r == 0 && signal == SIGKILL && !has_pid_namespace(&container))
            (void)signal_all(&container, signal, NULL);
    }
    container_close(&container);
    return r;
}

int lc_kill(const char *root, int signal, unsigned int flags, struct lc_error **err)
{
    return target_kill(NULL, root, signal, flags, err);
}

int target_freeze(struct lc_runtime *runtime, const char *id, bool frozen, struct lc_error **err)
{
    const char *verb = frozen ? "pause" : "resume";
    struct container container;
    enum status status;
    int r = target_open(runtime, id, true, &container, verb, err);

    if (r < 0)
        return r;
    status = container_status(&container);
    if (frozen ? status != STATUS_RUNNING && status != STATUS_CREATED : status != STATUS_PAUSED)
        r = error_raise(err, &(struct error_site){ .stage = verb, .errnum = EINVAL },
                "container not %s: it is %s", frozen ? "running or created" : "paused", status_name(status));
    else
        r = control_freeze(&container, frozen, err);
    if (r == 0)
        journal_write(&container, verb, NULL);
    container_close(&container);
    return r;
}

int lc_pause(const char *root, struct lc_error **err)
{
    return target_freeze(NULL, root, true, err);
}

int lc_resume(const char *root, struct lc_error **err)
{
    return target_freeze(NULL, root, false, err);
}

/* The "cgroups" of container.json. */
static int parse_limits(struct container *container, const struct lc_update_options *options,
        struct arena *arena, struct config_cgroups *ret, struct lc_error **err)
{
    (void)container;
    return config_parse_limits(
            options->resources, strlen(options->resources), options->name, arena, ret, err);
}

static int no_rdt(struct container *container, const struct lc_update_options *options, enum rdt_step step,
        char **old, struct lc_error **err)
{
    (void)container, (void)step, (void)old;
    if (options->l3_cache_schema == NULL && options->memory_bandwidth_schema == NULL)
        return 0;
    return refuse(err, "update", ENOTSUP, "classes of service are for containers of config.json");
}

static int update(struct container *container, const struct lc_update_options *options,
        const struct update_kind *kind, struct lc_error **err)
{
    struct config_cgroups cgroups = { .present = true, .oci = container->record.oci.present };
    CLEAN_FREE char *old = NULL;
    struct arena arena = { 0 };
    int r = 0;

    if (container_status(container) == STATUS_STOPPED)
        return refuse(err, "update", EINVAL, "container not running");
    r = kind->rdt(container, options, RDT_CHECK, NULL, err);
    if (r == 0 && options->resources != NULL)
        r = kind->parse(container, options, &arena, &cgroups, err);
    if (r == 0 && options->resources != NULL)
        r = late_provide(container, &cgroups, err);
    if (r == 0)
        r = kind->rdt(container, options, RDT_APPLY, &old, err);
    if (r == 0) {
        r = cgroup_apply_update(&container->record.groups, &cgroups, container->log, err);
        if (r < 0)
            (void)kind->rdt(container, options, RDT_UNDO, &old, NULL);
    }
    arena_done(&arena);
    return r;
}

int target_update(struct lc_runtime *runtime, const char *id, const struct lc_update_options *given,
        const struct update_kind *kind, struct lc_error **err)
{
    struct lc_update_options options;
    struct container container;
    int r = options_take(given, &options, &options_kinds[OPTIONS_UPDATE], err);

    if (r == 0)
        r = target_open(runtime, id, true, &container, "update", err);
    if (r < 0)
        return r;
    r = update(&container, &options, kind, err);
    if (r == 0)
        journal_write(&container, "update", NULL);
    container_close(&container);
    return r;
}

int lc_update(const char *root, const struct lc_update_options *options, struct lc_error **err)
{
    static const struct update_kind kind = { parse_limits, no_rdt };

    return target_update(NULL, root, options, &kind, err);
}

int target_stats(struct lc_runtime *runtime, const char *id, usage_classes *classes, char **ret_json,
        struct lc_error **err)
{
    struct container container;
    struct buffer out = { 0 };
    int r = target_open(runtime, id, false, &container, "stats", err);

    if (r < 0)
        return r;
    if (container_status(&container) == STATUS_STOPPED)
        r = refuse(err, "stats", ESRCH, "container with id %s is not running", container.id);
    if (r == 0)
        r = usage_json(&container, classes, &out);
    container_close(&container);
    if (r < 0) {
        buffer_done(&out);
        return r;
    }
    *ret_json = buffer_take_text(&out);
    return *ret_json != NULL ? 0 : refuse(err, "stats", ENOMEM, "no memory for the numbers");
}

int lc_stats(const char *root, char **ret_json, struct lc_error **err)
{
    return target_stats(NULL, root, NULL, ret_json, err);
}

int target_processes(struct lc_runtime *runtime, const char *id, pid_t **ret_pids, size_t *ret_count,
        struct lc_error **err)
{
    struct container container;
    int r = target_open(runtime, id, false, &container, "state", err);

    if (r < 0)
        return r;
    r = processes_find(&container, ret_pids, ret_count);
    if (r < 0)
        r = error_raise(err, &(struct error_site){ .stage = "state", .op = "cgroup.procs", .errnum = -r },
                "the container's processes cannot be found");
    container_close(&container);
    return r;
}

int lc_processes(const char *root, pid_t **ret_pids, size_t *ret_count, struct lc_error **err)
{
    return target_processes(NULL, root, ret_pids, ret_count, err);
}
