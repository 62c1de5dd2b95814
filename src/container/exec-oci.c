/* exec: another process in an OCI container. */
#include "final.h"
#include "journal.h"
#include "runtime.h"

#include <base/util.h>
#include <cgroups/resctrl.h>
#include <security/seccomp.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct joining {
    struct lc_exec_options options;
    struct container container;
    struct lc_config *config;
    struct lc_plan *plan;
    struct seccomp_filter filter;
    struct session session;
    struct preserved preserved;
};

static int check_status(const struct joining *joining, struct lc_error **err)
{
    enum status status = oci_status(&joining->container);

    if (status == STATUS_STOPPED || status == STATUS_CREATING)
        return refuse(err, "exec", EINVAL, "cannot exec in a %s container", status_name(status));
    if (status == STATUS_PAUSED && (joining->options.flags & LC_IGNORE_PAUSED) == 0)
        return refuse(err, "exec", EINVAL, "cannot exec in a %s container (use --ignore-paused to override)",
                "paused");
    return 0;
}

/* Ours and those by path: neither is the host's. */
static uint32_t own_namespaces(const struct record *record)
{
    return record->namespaces | record->oci.joined;
}

/* cgroup v1 has nothing that could wake us. */
#define PAUSED_MS 50

static void await_resume(const struct container *container)
{
    CLEAN_FD int pidfd = identity_open(&container->record.init);
    CLEAN_FD int freezer = cgroup_freezer_fd(&container->record.groups);
    struct pollfd changes[] = { { .fd = pidfd, .events = POLLIN }, { .fd = freezer, .events = POLLPRI } };

    for (;;) {
        /* What changes after this wakes us. */
        (void)cgroup_fd_number(freezer, "frozen");
        if (oci_status(container) != STATUS_PAUSED)
            return;
        (void)poll(changes, ARRAY_SIZE(changes), freezer >= 0 ? -1 : PAUSED_MS);
    }
}

/* Before there is a process of ours: in a frozen group of v1 not even SIGKILL would end it. Without the lock: it is resumed under that. */
static int wait_while_paused(struct joining *joining, struct lc_error **err)
{
    struct container *container = &joining->container, again;
    bool waits = (joining->options.flags & LC_IGNORE_PAUSED) != 0;
    int r = 0;

    while (r == 0 && waits && oci_status(container) == STATUS_PAUSED) {
        container_unlock(container);
        await_resume(container);
        r = oci_open_again(container, &again, err);
        if (r < 0)
            continue;
        container_close(container);
        *container = again;
    }
    return r;
}

static int make_plan(struct joining *joining, struct lc_error **err)
{
    const struct lc_exec_options *options = &joining->options;
    const struct record *record = &joining->container.record;
    const struct config_oci *oci = &joining->config->oci;
    struct plan_options plan_options = {
        .rootfs = record->oci.rootfs,
        .argv = oci->argv,
        .rows = oci->rows != 0 ? oci->rows : options->rows,
        .columns = oci->columns != 0 ? oci->columns : options->columns,
        .privileged = geteuid() == 0,
        .preserved = joining->preserved.count,
        .preserved_as = joining->preserved.fds,
        .filter = joining->filter.program,
        .filter_length = joining->filter.length,
        .filter_flags = joining->filter.flags,
        .filter_notifies = joining->filter.notifies,
    };
    struct plan_target target = { .namespaces = own_namespaces(record) };

    return plan_join(joining->config, &plan_options, &target, &joining->plan, err);
}

static int open_given(const struct joining *joining, int *given, struct lc_error **err)
{
    int descriptors[DESCRIPTOR_PRESERVED + PRESERVED_MAX];

    for (unsigned int i = 0; i < joining->preserved.count; i++)
        descriptors[DESCRIPTOR_PRESERVED + i] = joining->preserved.fds[i];
    return given_open(joining->plan, joining->container.record.init.pid, descriptors, given, err);
}

static int enter(struct joining *joining, struct lc_error **err)
{
    const struct record *record = &joining->container.record;
    struct session *session = &joining->session;
    CLEAN_FD int group = -EBADF;
    int given[PLAN_GIVEN_MAX], r = open_given(joining, given, err);

    if (r < 0)
        return r;
    /* Looked at again after opening: what was opened belongs to the container, not to a later user of its pid. */
    if (!identity_alive(&record->init))
        r = refuse(err, "exec", ESRCH, "the container has just ended");
    if (r == 0 && joining->options.cgroup == NULL)
        r = cgroup_open_v2(&record->groups, &group, err);
    if (r == 0)
        r = session_start(session, joining->options.stdio, given, group, err);
    /* What it forks will have them, and be in there, too. */
    if (r == 0 && (own_namespaces(record) & NAMESPACE_BIT(NAMESPACE_USER)) != 0 && geteuid() == 0)
        limits_raise(joining->config, session->pid);
    if (r == 0 && joining->config->oci.rdt.present)
        r = resctrl_place(&joining->config->oci.rdt, joining->container.id, NULL, session->pid, err);
    if (r == 0 && joining->options.cgroup == NULL)
        r = session_place(session, &record->groups, err);
    else if (r == 0)
        r = session_place_below(session, &record->groups, joining->options.cgroup, err);
    container_unlock(&joining->container);
    session->wants_listener = joining->plan->notifies;
    if (r == 0)
        r = start_finish(&joining->container, joining->config, session, err);
    given_close(given, joining->plan->n_given);
    return r;
}

static int join(struct joining *joining, struct lc_runtime *runtime, struct lc_error **err)
{
    int r = wait_while_paused(joining, err);

    if (r == 0)
        r = check_status(joining, err);
    if (r == 0)
        r = exec_config(&joining->container, &joining->options, &joining->config, err);
    if (r == 0)
        capabilities_grant(joining->config, own_namespaces(&joining->container.record), &runtime->log);
    if (r == 0)
        r = check_host(joining->config, err);
    if (r == 0 && joining->config->oci.seccomp.present)
        r = seccomp_filter_get(runtime->fd, &joining->config->oci.seccomp, &joining->filter, err);
    if (r == 0)
        r = make_plan(joining, err);
    if (r < 0)
        return r;
    joining->session.plan = joining->plan;
    joining->session.stage = "exec";
    joining->session.groups = &joining->container.record.groups;
    joining->session.memory_limited = true; /* it may be by now */
    r = enter(joining, err);
    if (r == 0)
        r = hand_over(&joining->session, joining->options.console_socket, joining->options.pidfd_socket,
                joining->options.pid_file, err);
    if (r < 0) {
        session_abort(&joining->session);
        final_blame(&joining->container, err != NULL ? *err : NULL);
    } else {
        journal_write_pid(&joining->container, "exec", joining->session.pid);
    }
    return r;
}

/* The process, for who wants to wait for it; the joining is used up. */
static int give_process(struct joining *joining, struct lc_process **ret, struct lc_error **err)
{
    struct lc_process *process = calloc(1, sizeof(*process));

    if (process == NULL) {
        session_abort(&joining->session);
        return refuse(err, "exec", ENOMEM, "no memory");
    }
    process->bare = process->joined = true;
    process->container = (struct container){ .root_fd = -EBADF,
        .state_fd = -EBADF,
        .lock_fd = -EBADF,
        .mark_fd = -EBADF,
        .log = &process->log,
        .record = joining->container.record };
    joining->container.record = (struct record){ 0 };
    process->log = *joining->container.log;
    process->session = joining->session;
    process->session.log = &process->log;
    process->session.plan = NULL;
    process->session.groups = NULL;
    fd_close(&process->session.socket);
    *ret = process;
    return 0;
}

/* What came with the call stands in no file. */
static bool is_given(const struct lc_exec_options *options, const char *pointer)
{
    const struct {
        const char *pointer;
        bool given;
    } rows[] = { { "/process/args", true }, { "/process/cwd", options->cwd != NULL },
        { "/process/user", options->user != NULL }, { "/process/apparmorProfile", options->apparmor != NULL },
        { "/process/selinuxLabel", options->process_label != NULL } };

    for (size_t i = 0; pointer != NULL && options->process == NULL && i < ARRAY_SIZE(rows); i++)
        if (strncmp(pointer, rows[i].pointer, strlen(rows[i].pointer)) == 0)
            return rows[i].given;
    return false;
}

int lc_container_exec(struct lc_runtime *runtime, const char *id, const struct lc_exec_options *options,
        struct lc_process **ret, struct lc_error **err)
{
    struct joining joining = { .config = NULL };
    int r = options_take(options, &joining.options, &options_kinds[OPTIONS_PROCESS], err);

    if (r == 0)
        r = preserved_take(joining.options.preserve_fds, "exec", joining.options.flags, &joining.preserved,
                &runtime->log, err);
    if (r == 0)
        r = oci_open_locked(runtime, id, &joining.container, err);
    if (r < 0)
        return r;
    session_init(&joining.session, &runtime->log);
    r = join(&joining, runtime, err);
    if (r < 0 && joining.config != NULL && err != NULL &&
            !is_given(&joining.options, error_site(*err)->pointer))
        oci_locate(&joining.container, joining.config, *err);
    if (r == 0 && ret != NULL)
        r = give_process(&joining, ret, err);
    else if (r == 0)
        session_close(&joining.session);
    seccomp_filter_done(&joining.filter);
    plan_free(joining.plan);
    lc_config_free(joining.config);
    container_close(&joining.container);
    return r;
}
