/* kill, delete, pause, resume, update and the numbers of an OCI container. */
#include "runtime.h"

#include <base/util.h>
#include <cgroups/resctrl.h>
#include <lcsys/syscalls.h>
#include <oci/oci.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define END_TIMEOUT_MS 10000

/* Where the caller made it himself, in this very process, its zombie is his. */
static void reap(int pidfd)
{
    siginfo_t info;

    (void)waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL);
}

int oci_reclaim(struct container *container, struct lc_error **err)
{
    CLEAN_FD int pidfd = identity_open(&container->record.init);
    int r = reclaim_resources(container, err);

    if (pidfd >= 0)
        reap(pidfd);
    return r < 0 ? r : oci_remove(container, err);
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

int lc_container_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err)
{
    const uint32_t pid_namespace = NAMESPACE_BIT(NAMESPACE_PID);
    struct container container;
    enum status status;
    int r = oci_open(runtime, id, &container, err);

    if (r < 0)
        return r;
    status = oci_status(&container);
    if ((flags & LC_KILL_ALL) != 0) {
        r = cgroup_signal(&container.record.groups, signal);
        if (r < 0)
            r = error_raise(err, &(struct error_site){ .stage = "kill", .op = "cgroup", .errnum = -r }, NULL);
    } else if (status == STATUS_STOPPED) {
        r = refuse(err, "kill", ESRCH, "container not running");
    } else {
        r = signal_first(&container, signal, err);
        /* Without a pid namespace of its own the others would live on. */
        if (r == 0 && signal == SIGKILL && (container.record.namespaces & pid_namespace) == 0)
            (void)cgroup_signal(&container.record.groups, signal);
    }
    container_close(&container);
    return r;
}

/* Stopped, or made so. */
static int stop(struct container *container, bool force, struct lc_error **err)
{
    enum status status = oci_status(container);
    CLEAN_FD int pidfd = -EBADF;
    struct pollfd gone;

    if (status == STATUS_STOPPED || (container->record.oci.config == 0))
        return 0;
    if (!force && status != STATUS_CREATED)
        return error_raise(err, &(struct error_site){ .stage = "delete", .errnum = EBUSY },
                "cannot delete container %s that is not stopped: %s", container->id, status_name(status));
    pidfd = identity_open(&container->record.init);
    if (pidfd < 0)
        return 0;
    (void)signal_process(container->record.init.pid, pidfd, SIGKILL);
    /* A frozen process dies when it is thawed. */
    if (status == STATUS_PAUSED)
        (void)cgroup_freeze(&container->record.groups, false, END_TIMEOUT_MS, NULL);
    gone = (struct pollfd){ .fd = pidfd, .events = POLLIN };
    if (poll(&gone, 1, END_TIMEOUT_MS) > 0) {
        reap(pidfd);
        return 0;
    }
    return refuse(err, "delete", ETIMEDOUT, "the first process of the container does not end");
}

static int delete (struct container *container, bool force, struct lc_error **err)
{
    struct lc_config *config = NULL;
    int r = stop(container, force, err);

    if (r < 0)
        return r;
    if ((container->record.oci.hooks & 1u << HOOK_POSTSTOP) != 0)
        (void)oci_config(container, NULL, NULL, &config, NULL);
    if (config != NULL) {
        struct lc_error *failure = NULL;

        /* The specification: a failure here is only a warning. */
        r = reclaim_resources(container, err);
        if (r == 0 && hooks_run(container, config, HOOK_POSTSTOP, STATUS_STOPPED, &failure) < 0) {
            CLEAN_FREE char *text = error_format(failure);

            log_warning(container->log, "%s", text != NULL ? text : "a poststop hook failed");
        }
        error_free(failure);
        lc_config_free(config);
    }
    return r < 0 ? r : oci_reclaim(container, err);
}

int lc_container_delete(struct lc_runtime *runtime, const char *id, unsigned int flags, struct lc_error **err)
{
    bool force = (flags & LC_DELETE_FORCE) != 0;
    struct lc_error *failure = NULL;
    struct container container;
    int r = oci_open_locked(runtime, id, &container, &failure);

    if (r == -ENOENT && force) {
        error_free(failure);
        return 0;
    }
    if (r < 0) {
        if (err != NULL)
            *err = failure;
        else
            error_free(failure);
        return r;
    }
    r = delete (&container, force, err);
    container_close(&container);
    return r;
}

static int freeze(struct lc_runtime *runtime, const char *id, bool frozen, struct lc_error **err)
{
    const char *verb = frozen ? "pause" : "resume";
    struct container container;
    enum status status;
    int r = oci_open_locked(runtime, id, &container, err);

    if (r < 0)
        return r;
    status = oci_status(&container);
    if (frozen ? status != STATUS_RUNNING && status != STATUS_CREATED : status != STATUS_PAUSED)
        r = error_raise(err, &(struct error_site){ .stage = verb, .errnum = EINVAL },
                "container not %s: it is %s", frozen ? "running or created" : "paused", status_name(status));
    else
        r = cgroup_freeze(&container.record.groups, frozen, END_TIMEOUT_MS, err);
    container_close(&container);
    return r;
}

int lc_container_pause(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    return freeze(runtime, id, true, err);
}

int lc_container_resume(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    return freeze(runtime, id, false, err);
}

/* Which class of service the container is in stands in its configuration only. */
static int update_rdt(struct container *container, const struct lc_update_options *options, bool apply,
        struct lc_error **err)
{
    struct lc_config *config = NULL;
    int r = 0;

    if (options->l3_cache_schema == NULL && options->memory_bandwidth_schema == NULL)
        return 0;
    r = oci_config(container, NULL, NULL, &config, err);
    if (r < 0)
        return r;
    if (!config->oci.rdt.present)
        r = error_raise(err,
                &(struct error_site){ .stage = "update",
                        .pointer = config->pointers->rdt,
                        .errnum = EINVAL,
                        .hint = "a container has to be made with linux.intelRdt for that" },
                "the container is in no class of service of its own");
    else if (apply)
        r = resctrl_update(&config->oci.rdt, container->id, NULL, options->l3_cache_schema,
                options->memory_bandwidth_schema, container->log, err);
    lc_config_free(config);
    return r;
}

static int update(struct container *container, const struct lc_update_options *options, struct lc_error **err)
{
    struct config_cgroups cgroups = { .present = true, .oci = true };
    struct arena arena = { 0 };
    int r = 0;

    if (oci_status(container) == STATUS_STOPPED)
        return refuse(err, "update", EINVAL, "container not running");
    r = update_rdt(container, options, false, err);
    if (r == 0 && options->resources != NULL)
        r = oci_parse_resources(options->resources, strlen(options->resources),
                options->name != NULL ? options->name : "resources", &arena, &cgroups, err);
    if (r == 0)
        r = cgroup_apply_update(&container->record.groups, &cgroups, container->log, err);
    if (r == 0)
        r = update_rdt(container, options, true, err);
    arena_done(&arena);
    return r;
}

int lc_container_update(struct lc_runtime *runtime, const char *id, const struct lc_update_options *given,
        struct lc_error **err)
{
    struct lc_update_options options;
    struct container container;
    int r = options_take(given, given->size, &options, sizeof(options), err);

    if (r == 0)
        r = oci_open_locked(runtime, id, &container, err);
    if (r < 0)
        return r;
    r = update(&container, &options, err);
    container_close(&container);
    return r;
}

int lc_container_stats(struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err)
{
    struct container container;
    struct buffer out = { 0 };
    int r = oci_open(runtime, id, &container, err);

    if (r < 0)
        return r;
    if (oci_status(&container) == STATUS_STOPPED)
        r = refuse(err, "stats", ESRCH, "container with id %s is not running", id);
    if (r == 0)
        r = cgroup_stats_json(&container.record.groups, NULL, &out);
    container_close(&container);
    if (r < 0) {
        buffer_done(&out);
        return r;
    }
    *ret_json = buffer_take_text(&out);
    return *ret_json != NULL ? 0 : refuse(err, "stats", ENOMEM, "no memory for the numbers");
}

int lc_container_oom_fd(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    struct container container;
    int r = oci_open(runtime, id, &container, err);

    if (r < 0)
        return r;
    r = cgroup_oom_fd(&container.record.groups);
    container_close(&container);
    return r >= 0 ? r : refuse(err, "events", -r, "no memory events for this container");
}

int lc_oom_take(int fd)
{
    return cgroup_oom_take(fd);
}

int lc_container_pidfd(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    struct container container;
    int r = oci_open(runtime, id, &container, err);

    if (r < 0)
        return r;
    r = identity_open(&container.record.init);
    container_close(&container);
    return r >= 0 ? r : refuse(err, "events", ESRCH, "container with id %s is not running", id);
}
