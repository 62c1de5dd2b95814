/* The end of an OCI container, and descriptors to wait for what happens to it. */
#include "runtime.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define END_TIMEOUT_MS 10000
#define USUAL_END_MS 100

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

static int refuse_status(const struct container *container, enum status status, struct lc_error **err)
{
    return error_raise(err, &(struct error_site){ .stage = "delete", .errnum = EBUSY },
            "cannot delete container %s that is not stopped: %s", container->id, status_name(status));
}

/* Stopped, or made so. */
static int stop(struct container *container, bool force, struct lc_error **err)
{
    const struct identity *init = &container->record.init;
    const struct cgroup_set *groups = &container->record.groups;
    enum status status = oci_status(container);
    CLEAN_FD int pidfd = -EBADF;
    bool ended;

    if (status == STATUS_STOPPED || (container->record.oci.config == 0))
        return 0;
    if (!force && status != STATUS_CREATED)
        return refuse_status(container, status, err);
    pidfd = identity_open(init);
    if (pidfd < 0)
        return 0;
    (void)signal_process(init->pid, pidfd, SIGKILL);
    /* A frozen process dies when it is thawed. */
    if (status == STATUS_PAUSED)
        (void)cgroup_freeze(groups, false, END_TIMEOUT_MS, NULL);
    ended = identity_await(init, pidfd, groups, USUAL_END_MS);
    if (!ended) {
        (void)cgroup_take_out(init->pid);
        ended = identity_await(init, pidfd, groups, END_TIMEOUT_MS);
    }
    if (!ended)
        return refuse(err, "delete", ETIMEDOUT, "the first process of the container does not end");
    reap(pidfd);
    return 0;
}

static int delete (struct container *container, bool force, struct lc_error **err)
{
    struct lc_config *config = NULL;
    int r = stop(container, force, err);

    if (r < 0)
        return r;
    if ((container->record.oci.hooks & 1u << HOOK_POSTSTOP) != 0)
        (void)oci_config(container, &config, NULL);
    if (config != NULL) {
        r = reclaim_resources(container, err);
        if (r == 0)
            r = hooks_run(container, config, HOOK_POSTSTOP, STATUS_STOPPED, err);
        lc_config_free(config);
    }
    return r < 0 ? r : oci_reclaim(container, err);
}

/* Who makes or starts a container holds its lock, while hooks run that may take any time. Without the process they are for
 * nothing, and he gives up. */
static int interrupt(struct lc_runtime *runtime, const char *id, bool force, struct lc_error **err)
{
    CLEAN_FD int pidfd = -EBADF;
    struct container container;
    enum status status;
    int r = 0;

    if (!oci_is_locked(runtime, id) || oci_open(runtime, id, &container, NULL) < 0)
        return 0;
    status = oci_status(&container);
    if (force && status != STATUS_STOPPED)
        pidfd = identity_open(&container.record.init);
    if (pidfd >= 0)
        (void)signal_process(container.record.init.pid, pidfd, SIGKILL);
    if (!force && status == STATUS_CREATING)
        r = refuse_status(&container, status, err);
    container_close(&container);
    return r;
}

int oci_end(const struct container *mine, bool remove, struct lc_error **err)
{
    struct lc_error *failure = NULL;
    struct container container;
    int r = oci_open_again(mine, &container, &failure);

    if (r == -ENOENT) {
        error_free(failure);
        return 0;
    }
    if (r == 0) {
        r = remove ? delete (&container, true, &failure) : stop(&container, true, &failure);
        container_close(&container);
    }
    error_append(err, failure);
    return r;
}

int lc_process_delete(struct lc_process *process, struct lc_error **err)
{
    if (!process->bare || process->joined)
        return refuse(err, "delete", EINVAL, "only a process of lc_container_run() has such a container");
    return oci_end(&process->container, true, err);
}

int lc_container_delete(struct lc_runtime *runtime, const char *id, unsigned int flags, struct lc_error **err)
{
    bool force = (flags & LC_DELETE_FORCE) != 0;
    struct lc_error *failure = NULL;
    struct container container = { .lock_fd = -EBADF };
    int r = options_flags(flags, LC_DELETE_FORCE, &failure);

    if (r == 0)
        r = interrupt(runtime, id, force, &failure);
    if (r == 0)
        r = oci_open_locked(runtime, id, &container, &failure);
    if (r == -ENOENT && force) {
        error_free(failure);
        return 0;
    }
    if (r < 0) {
        error_append(err, failure);
        return r;
    }
    r = delete (&container, force, err);
    container_close(&container);
    return r;
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
