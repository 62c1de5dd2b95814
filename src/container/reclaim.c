/* The end of a container, in one place: after its first process ended, after a failed start, after a crash. */
#include "final.h"
#include "journal.h"
#include "mark.h"

#include <base/util.h>
#include <cgroups/resctrl.h>
#include <lcsys/syscalls.h>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define END_TIMEOUT_MS 5000
#define STRANGERS_TIMEOUT_MS 1000 /* for who was on his way into a container that has ended meanwhile */

/* Nobody is left but dead ones whom their parents have not seen yet: the first process of a pid namespace waits for them in the
 * kernel, and when `exec --detach` has made orphans of them, that is for whoever reaps on this machine. */
static bool only_unreaped(const struct identity *identity, const struct cgroup_set *groups)
{
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;

    return !identity_runs(identity) && cgroup_processes(groups, &pids, &count) == 0 && count == 0;
}

/* The pidfd tells of the end, except where it is not for us to wait for. */
bool identity_await(
        const struct identity *identity, int pidfd, const struct cgroup_set *groups, int timeout_ms)
{
    struct pollfd gone = { .fd = pidfd, .events = POLLIN };
    int waited = 0;

    for (int step = 10; waited < timeout_ms; waited += step, step *= 2)
        if (poll(&gone, 1, step) > 0 || only_unreaped(identity, groups))
            return true;
    return false;
}

/* A recorded process, which need not be our child: gone when its pidfd says so. */
static void kill_identity(const struct identity *identity, const struct cgroup_set *groups)
{
    CLEAN_FD int pidfd = -EBADF;

    if (!identity_alive(identity))
        return;
    pidfd = sys_pidfd_open(identity->pid);
    if (pidfd >= 0 && !identity_alive(identity))
        return; /* ended in between: the pidfd is somebody else's */
    (void)signal_process(identity->pid, pidfd, SIGKILL);
    /* A frozen process of v1 dies when it is thawed. */
    if (cgroup_frozen(groups) > 0)
        (void)cgroup_freeze(groups, false, END_TIMEOUT_MS, NULL);
    if (pidfd >= 0) {
        (void)identity_await(identity, pidfd, groups, END_TIMEOUT_MS);
        return;
    }
    for (int i = 0; i < END_TIMEOUT_MS && identity_alive(identity); i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int remove_rdt(const struct container *container, struct lc_error **err)
{
    const char *path = container->record.oci.rdt;
    int r = resctrl_remove(path, container->id);

    return r == 0 ? 0
                  : error_raise(err,
                            &(struct error_site){
                                    .stage = "cleanup", .op = "resctrl", .errnum = -r, .object = path },
                            NULL);
}

/* With its pid namespace everybody in a container dies with the first process, and who is in its groups then is none of it. */
static bool dies_together(const struct record *record)
{
    return (record->namespaces & NAMESPACE_BIT(NAMESPACE_PID)) != 0;
}

/* Another container may have been made in the same groups since: it lives on, and they with it. */
static int remove_groups(const struct container *container, struct lc_error **err)
{
    const struct cgroup_set *groups = &container->record.groups;
    bool together = dies_together(&container->record);
    int r = cgroup_remove(groups, 20);

    if (r == -EBUSY && !together)
        (void)cgroup_kill(groups, END_TIMEOUT_MS);
    if (r == -EBUSY)
        r = cgroup_remove(groups, together ? STRANGERS_TIMEOUT_MS : END_TIMEOUT_MS);
    if (r == -EBUSY && together) {
        log_warning(container->log, "%s stays: there are processes in it that are none of this container's",
                groups->groups[0].path);
        return 0;
    }
    if (r < 0)
        (void)error_raise(err,
                &(struct error_site){ .stage = "cleanup",
                        .op = "cgroup",
                        .errnum = -r,
                        .object = groups->count > 0 ? groups->groups[0].path : NULL },
                "the control group cannot be removed");
    return r;
}

/* Nobody may add to the numbers any more: what the first process has left behind is killed now. */
static void take_final(struct container *container)
{
    bool watched = journal_is_read(container);
    CLEAN_FREE char *data = NULL;

    if (container->status < 0 && container->record.oci.present)
        container->status = container->record.oci.status;
    if (container->status < 0 && watched)
        container->status = identity_status(&container->record.init);

    if (container->final == NULL && (watched || container->wants_final)) {
        if (!dies_together(&container->record))
            (void)cgroup_kill(&container->record.groups, END_TIMEOUT_MS);
        container->final = final_json(container, container->status, container->usage);
    }
    if (!watched)
        return;
    data = exit_json(container->status, container->final);
    journal_write(container, "exit", data);
    container->watched = true;
}

int reclaim_resources(struct container *container, struct lc_error **err)
{
    struct record *record = &container->record;
    int r;

    mark_retake(container);
    kill_identity(&record->init, &record->groups);
    if (!dies_together(record)) {
        /* No pid namespace that dies with its first process: so everybody has to be found. */
        (void)cgroup_kill(&record->groups, END_TIMEOUT_MS);
        mark_kill(container, END_TIMEOUT_MS);
    }
    take_final(container);
    r = cgroup_end(&record->groups, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < record->n_links; i++)
        if (record->links[i].host_name[0] != '\0')
            (void)network_remove(record->links[i].host_name);
    r = remove_groups(container, err);
    if (r == 0 && record->oci.rdt != NULL)
        r = remove_rdt(container, err);
    return r == 0 ? inherited_root_remove(container, err) : r;
}

int container_reclaim(struct container *container, struct lc_error **err)
{
    int r = reclaim_resources(container, err);

    files_remove(container);
    if (container->watched)
        journal_remove(container);
    if (unlinkat(container->state_fd, container->record_name, 0) < 0 && r == 0)
        r = error_raise(err,
                &(struct error_site){ .stage = "cleanup",
                        .syscall = "unlinkat",
                        .errnum = errno,
                        .object = container->record_name },
                NULL);
    fd_close(&container->mark_fd);
    record_done(&container->record);
    return r;
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
    return a->pid == b->pid && a->start == b->start;
}

/* `pause` may have added a group since we wrote the record. */
static void take_new_groups(struct cgroup_set *mine, struct cgroup_set *recorded)
{
    size_t known = mine->count;

    if (recorded->count <= known)
        return;
    for (size_t i = known; i < recorded->count; i++)
        mine->groups[mine->count++] = recorded->groups[i];
    recorded->count = known;
}

/* Between the end of our process and our lock, another call may have found it dead and removed everything; what is
 * recorded now, under the same names, may be its own container. */
static bool taken_over(struct container *container)
{
    struct record mine = container->record;
    struct stat st;
    bool taken;

    if (fstat(container->lock_fd, &st) == 0 && st.st_size == 0)
        return true;
    container->record = (struct record){ 0 };
    taken = record_read(container, NULL) == 0 &&
            (!same_identity(&mine.init, &container->record.init) ||
                    !same_identity(&mine.owner, &container->record.owner));
    if (!taken)
        take_new_groups(&mine.groups, &container->record.groups);
    record_done(&container->record);
    container->record = mine;
    return taken;
}

int container_end(struct container *container, struct lc_error **err)
{
    int r = container_lock(container, err);

    if (r < 0)
        return r;
    if (taken_over(container))
        record_done(&container->record);
    else
        r = container_reclaim(container, err);
    container_unlock(container);
    return r;
}

/* A dead first process is a zombie until its owner has seen it: wait for that, the owner is at it. */
bool container_ended(const struct container *container, int patience_ms)
{
    const struct identity *init = &container->record.init;
    CLEAN_FD int pidfd = sys_pidfd_open(init->pid);
    struct pollfd gone = { .fd = pidfd, .events = POLLIN };

    if (!identity_alive(init))
        return true;
    if (pidfd < 0 || poll(&gone, 1, patience_ms) <= 0)
        return false;
    for (int i = 0; i < END_TIMEOUT_MS && identity_alive(init); i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    return !identity_alive(init);
}

int container_settle(struct container *container, struct lc_error **err)
{
    for (;;) {
        int r = container_lock(container, err);

        if (r == 0)
            r = record_read(container, err);
        if (r < 0)
            return r;
        if (r > 0) {
            container->record = (struct record){ 0 };
            return 0;
        }
        if (identity_alive(&container->record.init) && identity_alive(&container->record.owner))
            return 1;
        /* A living owner is at its own clean-up just now. */
        if (!identity_alive(&container->record.owner))
            log_warning(container->log, "the container in %s ended without clean-up; removing what it left",
                    container->root);
        r = container_reclaim(container, err);
        container_unlock(container);
        if (r < 0)
            return r;
        /* The lock went with the record: another call may have been first with the next container. */
    }
}
