/* create and run: from config.json to a child that waits for `start`. Everything is recorded before it is made, so that `delete`
 * can undo it whenever we are killed. */
#include "final.h"
#include "journal.h"
#include "runtime.h"

#include <base/util.h>
#include <cgroups/resctrl.h>
#include <security/seccomp.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct creation {
    struct lc_runtime *runtime;
    const struct lc_config *config;
    struct lc_create_options options;
    bool run; /* the program is to run at once, and its terminal is the caller's */
    struct container *container;
    struct session *session;
    struct lc_plan *plan;
    struct seccomp_filter filter;
    struct network_moved *moved; /* interfaces, as long as create may fail */
    struct preserved preserved;
    int descriptors[DESCRIPTOR_PRESERVED + PRESERVED_MAX];
};

static int fail(struct lc_error **err, const char *op, int errnum, const char *text)
{
    return error_raise(err, &(struct error_site){ .stage = "create", .op = op, .errnum = errnum },
            text != NULL ? "%s" : NULL, text);
}

static int check(struct creation *creation, struct lc_error **err)
{
    const struct lc_config *config = creation->config;
    unsigned int wanted = creation->options.listen_fds;
    int r;

    if (config->oci.argv == NULL && creation->run)
        return refuse_start(err);
    if (__builtin_add_overflow(wanted, creation->options.preserve_fds, &wanted))
        wanted = UINT_MAX;
    r = preserved_take(
            wanted, "create", creation->options.flags, &creation->preserved, &creation->runtime->log, err);
    if (r < 0)
        return r;
    if (config->tty && !creation->run && creation->options.console_socket == NULL)
        return fail(err, "terminal", EINVAL, "cannot allocate tty without a console socket");
    for (size_t i = 0; i < config->n_warnings; i++)
        log_warning(&creation->runtime->log, "%s", config->warnings[i]);
    return check_host(config, err);
}

static int describe_rootfs(struct creation *creation, struct lc_error **err)
{
    const struct config_oci *oci = &creation->config->oci;
    CLEAN_FREE char *path = NULL;
    struct error_site site = { .stage = "create", .pointer = "/root/path", .object = oci->rootfs };
    struct stat st;
    bool absolute = oci->rootfs[0] == '/';

    /* musl's realpath keeps two slashes at the beginning, as POSIX lets it. */
    if (asprintf(&path, "%s%s%s", absolute ? "" : oci->bundle, absolute ? "" : "/", oci->rootfs) < 0) {
        path = NULL;
        return fail(err, "root", ENOMEM, NULL);
    }
    (void)snprintf(creation->container->root, sizeof(creation->container->root), "%s", oci->bundle);
    if (realpath(path, creation->container->rootfs) == NULL) {
        site.syscall = "realpath";
        site.errnum = errno;
        return error_raise(err, &site, NULL);
    }
    if (stat(creation->container->rootfs, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    site.errnum = ENOTDIR;
    return error_raise(err, &site, NULL);
}

/* What will be made, by name. */
static int intend(struct creation *creation, struct lc_error **err)
{
    const struct lc_config *config = creation->config;
    struct container *container = creation->container;
    struct record *record = &container->record;

    container->config = config;
    container->filter = &creation->filter;
    record->namespaces = config->namespaces;
    for (int ns = 0; ns < NAMESPACE_MAX_; ns++)
        if (config->oci.namespace_paths[ns] != NULL)
            record->oci.joined |= NAMESPACE_BIT(ns);
    for (int kind = 0; kind < HOOK_MAX_; kind++)
        if (config->oci.hooks[kind].count > 0)
            record->oci.hooks |= 1u << kind;
    time_text(record->oci.created, sizeof(record->oci.created));
    record->oci.bundle = strdup(config->oci.bundle);
    record->oci.rootfs = strdup(container->rootfs);
    record->oci.version = strdup(config->oci.version);
    record->oci.listener = creation->filter.notifies;
    record->oci.no_process = config->oci.argv == NULL;
    if (record->oci.bundle == NULL || record->oci.rootfs == NULL || record->oci.version == NULL)
        return fail(err, "record", ENOMEM, NULL);
    return config->oci.rdt.present
                   ? resctrl_plan(&config->oci.rdt, container->id, NULL, &record->oci.rdt, err)
                   : 0;
}

static int open_descriptors(struct creation *creation, struct lc_error **err)
{
    int *descriptors = creation->descriptors, r;

    descriptors[DESCRIPTOR_LOCK] = r = created_lock(creation->container, err);
    if (r >= 0 && !creation->run)
        descriptors[DESCRIPTOR_LISTEN] = r = start_listen(creation->container, err);
    for (unsigned int i = 0; i < creation->preserved.count; i++)
        descriptors[DESCRIPTOR_PRESERVED + i] = creation->preserved.fds[i];
    return r < 0 ? r : 0;
}

static int make_plan(struct creation *creation, struct lc_error **err)
{
    const struct lc_create_options *options = &creation->options;
    const struct config_oci *oci = &creation->config->oci;
    char listen_fds[32], keyring[300];
    const char *extra[] = { listen_fds, "LISTEN_PID=1", NULL };
    struct plan_options plan_options = {
        .rootfs = creation->container->rootfs,
        .argv = oci->argv,
        .rows = oci->rows != 0 ? oci->rows : options->rows,
        .columns = oci->columns != 0 ? oci->columns : options->columns,
        .privileged = geteuid() == 0,
        .die_with_parent = true,
        .start = true,
        .listen = !creation->run,
        .lock = true,
        .preserved = creation->preserved.count,
        .preserved_as = creation->preserved.fds,
        .keyring = (options->flags & LC_NO_NEW_KEYRING) == 0 ? keyring : NULL,
        .groups = &creation->container->record.groups,
        .filter = creation->filter.program,
        .filter_length = creation->filter.length,
        .filter_flags = creation->filter.flags,
        .filter_notifies = creation->filter.notifies,
        .extra_environment = options->listen_fds > 0 ? extra : NULL,
    };

    (void)snprintf(listen_fds, sizeof(listen_fds), "LISTEN_FDS=%u", options->listen_fds);
    (void)snprintf(keyring, sizeof(keyring), "_ses.%s", creation->container->id);
    return plan_create(creation->config, &plan_options, &creation->plan, err);
}

/* prestart and createRuntime, here; createContainer, by the child when it is told that these have run. They are told
 * "created": the specification has "creating" for the step before them, the making of the environment. */
static int run_hooks(const struct creation *creation, struct lc_error **err)
{
    struct wire_message message = { .type = WIRE_HOOKED };
    struct container *container = creation->container;
    CLEAN_FD int state = -EBADF;
    int r;

    if (!creation->plan->hooks)
        return 0;
    r = session_until(creation->session, WIRE_PREPARED, err);
    if (r == 0)
        r = hooks_run(container, creation->config, HOOK_PRESTART, STATUS_CREATED, err);
    if (r == 0)
        r = hooks_run(container, creation->config, HOOK_CREATE_RUNTIME, STATUS_CREATED, err);
    if (r < 0)
        return r;
    state = state_file(container, creation->config, STATUS_CREATED, err);
    if (state < 0)
        return state;
    (void)wire_send(creation->session->socket, &message, state);
    return 0;
}

static int identify(const struct creation *creation, struct lc_error **err)
{
    struct record *record = &creation->container->record;
    struct session *session = creation->session;
    int r = 0;

    if (creation->plan->forks)
        r = session_until(session, WIRE_CHILD, err);
    if (r == 0 && identity_read(session->pid, &record->init) < 0)
        return session_until(session, WIRE_CREATED, err); /* gone already: it says why */
    return r < 0 ? r : record_write(creation->container, err);
}

/* As early as can be: sysctls may name the interfaces. Into a namespace by path, before the child enters it; into one that we make
 * for the child, before it gets that; into one that it makes in its user namespace, when it says so. */
static int move_devices(struct creation *creation, int netns, struct lc_error **err)
{
    return network_devices_move(creation->config, netns, creation->container->log, &creation->moved, err);
}

static int move_devices_joined(struct creation *creation, struct lc_error **err)
{
    const char *path = creation->config->oci.namespace_paths[NAMESPACE_NET];
    CLEAN_FD int netns = -EBADF;

    if (path == NULL || creation->config->oci.n_net_devices == 0)
        return 0;
    netns = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (netns >= 0)
        return move_devices(creation, netns, err);
    return error_raise(err,
            &(struct error_site){ .stage = "network",
                    .op = "netDevices",
                    .syscall = "open",
                    .object = path,
                    .pointer = "/linux/namespaces",
                    .errnum = errno },
            NULL);
}

static int move_devices_late(struct creation *creation, struct lc_error **err)
{
    struct session *session = creation->session;
    CLEAN_FD int netns = -EBADF;
    int r;

    if (creation->plan->makes_network || creation->config->oci.n_net_devices == 0 ||
            creation->config->oci.namespace_paths[NAMESPACE_NET] != NULL)
        return 0;
    /* The first time, perhaps, for its user namespace. */
    r = session_unshared(session, creation->plan->maps_late ? 2 : 1, err);
    if (r == 0)
        netns = r = child_netns(session->pid, err);
    return r < 0 ? r : move_devices(creation, netns, err);
}

static int give_network(struct creation *creation, struct lc_error **err)
{
    CLEAN_FD int netns = -EBADF;
    int r = 0;

    if (!creation->plan->makes_network)
        return 0;
    netns = netns_take(creation->session, err);
    if (netns < 0)
        return netns;
    if (creation->config->oci.n_net_devices > 0)
        r = move_devices(creation, netns, err);
    return r < 0 ? r : send_netns(creation->session, netns);
}

static int enter_rdt(const struct creation *creation, struct lc_error **err)
{
    const struct config_rdt *rdt = &creation->config->oci.rdt;
    struct container *container = creation->container;
    int r;

    if (!rdt->present)
        return 0;
    r = resctrl_make(rdt, container->id, NULL, &container->record.oci.rdt, container->log, err);
    return r < 0 ? r : resctrl_place(rdt, container->id, NULL, creation->session->pid, err);
}

/* The host's half, while the child mounts. */
static int host_half(struct creation *creation, struct lc_error **err)
{
    struct container *container = creation->container;
    struct session *session = creation->session;
    int r = 0;

    if (creation->plan->maps_late)
        r = session_until(session, WIRE_UNSHARED, err);
    if (r == 0 && (creation->plan->map_ids || creation->plan->maps_late))
        r = map_ids(creation->config, session, err);
    if (r == 0 && !creation->plan->forks)
        r = trees_send(session, err);
    if (r == 0)
        r = cgroup_make_v1(creation->config, &container->record.groups, container->log, err);
    /* As late as can be: it is made meanwhile. */
    if (r == 0)
        r = give_network(creation, err);
    if (r == 0)
        r = identify(creation, err);
    if (r == 0 && creation->plan->forks)
        r = trees_send(session, err);
    if (r == 0 && (creation->plan->map_ids || creation->plan->maps_late) && geteuid() == 0)
        limits_raise(creation->config, session->pid);
    if (r == 0)
        r = enter_rdt(creation, err);
    if (r == 0)
        r = session_place(session, &container->record.groups, err);
    if (r == 0)
        r = move_devices_late(creation, err);
    if (r == 0)
        r = run_hooks(creation, err);
    return r < 0 ? r : session_until(session, WIRE_CREATED, err);
}

static int spawn(struct creation *creation, struct lc_error **err)
{
    struct container *container = creation->container;
    const struct config_number *limits = creation->config->cgroups.limits;
    CLEAN_FD int group = -EBADF;
    int given[PLAN_GIVEN_MAX], r = 0;

    if (creation->plan->map_ids && geteuid() == 0)
        r = targets_make(container, creation->config, err);
    if (r == 0)
        r = given_open(creation->plan, 0, creation->descriptors, given, err);
    if (r < 0)
        return r;
    creation->session->memory_limited = limits[LIMIT_MEMORY].set || limits[LIMIT_MEMORY_HIGH].set;
    creation->session->patient = creation->plan->hooks;
    r = cgroup_make_v2(creation->config, &container->record.groups, container->log, &group, err);
    if (r == 0)
        r = move_devices_joined(creation, err);
    if (r == 0)
        r = session_start(creation->session, creation->options.stdio, given, group, err);
    if (r == 0)
        r = host_half(creation, err);
    given_close(given, creation->plan->n_given);
    return r;
}

static int begin_program(const struct creation *creation, struct lc_error **err)
{
    struct session *session = creation->session;
    int r;

    session->wants_listener = creation->plan->notifies;
    session->patient = true;
    r = start_send(creation->container, creation->config, session->socket, err);
    return r < 0 ? r : start_finish(creation->container, creation->config, session, err);
}

/* The child has its own copies. One of the lock of "created" would keep the container in that. */
static void close_descriptors(struct creation *creation)
{
    fd_close(&creation->descriptors[DESCRIPTOR_LISTEN]);
    fd_close(&creation->descriptors[DESCRIPTOR_LOCK]);
    fd_close(&creation->descriptors[DESCRIPTOR_ROOT]);
}

static int make(struct creation *creation, struct lc_error **err)
{
    struct container *container = creation->container;
    int r;

    netns_begin(creation->session, creation->config);
    r = describe_rootfs(creation, err);
    if (r == 0)
        r = intend(creation, err);
    if (r == 0)
        r = cgroup_plan(creation->config, container->id, &container->record.groups, err);
    if (r == 0 && creation->run)
        cgroup_keep(
                creation->config, (creation->options.flags & LC_RECORD_END) != 0, &container->record.groups);
    if (r == 0 && container->record.groups.warning != NULL)
        log_warning(container->log, "%s", container->record.groups.warning);
    if (r == 0)
        r = make_plan(creation, err);
    if (r < 0)
        return r;
    creation->session->plan = creation->plan;
    if (creation->plan->inherits_mounts)
        creation->descriptors[DESCRIPTOR_ROOT] = r = inherited_root_copy(container, err);
    if (r >= 0)
        r = record_write(container, err);
    if (r == 0)
        r = open_descriptors(creation, err);
    if (r == 0)
        r = spawn(creation, err);
    close_descriptors(creation);
    if (r == 0)
        r = hand_over(creation->session, creation->options.console_socket, creation->options.pidfd_socket,
                creation->options.pid_file, err);
    container->record.oci.complete |= r == 0;
    if (r == 0)
        r = record_write(container, err);
    if (r < 0 || !creation->run)
        return r;
    /* From here on the container may have put something else in their place. */
    network_devices_settle(TAKE_POINTER(creation->moved), false);
    return begin_program(creation, err);
}

/* `config`: the caller's, in our own copy, for what the options change in it. */
static int create(struct creation *creation, struct lc_config *config, const char *id, struct lc_error **err)
{
    CLEANUP(notify_done) struct notify notify = { 0 };
    int r;

    config->no_pivot_root |= (creation->options.flags & LC_NO_PIVOT) != 0;
    config->cgroups.systemd |= (creation->runtime->flags & LC_SYSTEMD_CGROUP) != 0;
    capabilities_grant(config,
            config->namespaces |
                    (config->oci.namespace_paths[NAMESPACE_USER] != NULL ? NAMESPACE_BIT(NAMESPACE_USER) : 0),
            &creation->runtime->log);
    creation->config = config;
    r = check(creation, err);
    if (r == 0)
        r = notify_add(config, creation->options.notify_socket, &notify, &creation->runtime->log, err);

    if (r == 0 && creation->config->oci.seccomp.present)
        r = seccomp_filter_get(creation->runtime->fd, &creation->config->oci.seccomp, &creation->filter, err);
    if (r == 0)
        r = oci_make(creation->runtime, id, creation->container, err);
    if (r == 0) {
        creation->descriptors[DESCRIPTOR_LISTEN] = creation->descriptors[DESCRIPTOR_LOCK] =
                creation->descriptors[DESCRIPTOR_ROOT] = -EBADF;
        r = make(creation, err);
        if (r < 0) {
            session_abort(creation->session);
            final_blame(creation->container, err != NULL ? *err : NULL);
            network_devices_settle(TAKE_POINTER(creation->moved), true);
            (void)hooks_run(creation->container, creation->config, HOOK_POSTSTOP, STATUS_STOPPED, NULL);
            (void)oci_reclaim(creation->container, NULL);
            container_close(creation->container);
        }
    }
    if (r < 0 && err != NULL)
        locate_errors(creation->config, *err);
    network_devices_settle(TAKE_POINTER(creation->moved), false);
    seccomp_filter_done(&creation->filter);
    plan_free(creation->plan);
    creation->session->plan = NULL;
    return r;
}

int lc_container_create(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_error **err)
{
    struct container container = { .lock_fd = -EBADF };
    struct session session;
    struct creation creation = { .runtime = runtime, .container = &container, .session = &session };
    struct lc_config changed = *config;
    int r = options_take(options, &creation.options, &options_kinds[OPTIONS_CREATE], err);

    if (r < 0)
        return r;
    session_init(&session, &runtime->log);
    r = create(&creation, &changed, id, err);
    if (r == 0) {
        session_close(&session);
        container_close(&container);
    }
    return r;
}

int lc_container_run(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_process **ret, struct lc_error **err)
{
    struct lc_process *process = calloc(1, sizeof(*process));
    struct creation creation = { .runtime = runtime, .run = true };
    struct lc_config changed = *config;
    int r;

    if (process == NULL)
        return fail(err, "process", ENOMEM, NULL);
    process->log = runtime->log;
    process->bare = true;
    creation.container = &process->container;
    creation.session = &process->session;
    session_init(&process->session, &process->log);
    r = options_take(options, &creation.options, &options_kinds[OPTIONS_CREATE], err);
    if (r == 0)
        r = create(&creation, &changed, id, err);
    if (r < 0) {
        free(process);
        return r;
    }
    fd_close(&process->session.socket);
    /* For the end: what it was in, and where that is written down. */
    process->container.config = NULL;
    process->container.log = &process->log;
    r = start_poststart(&process->container, config, true, err);
    if (r < 0) {
        if (err != NULL)
            locate_errors(config, *err);
        lc_process_free(process);
        return r;
    }
    process->keeps_final = (creation.options.flags & LC_RECORD_END) != 0;
    *ret = process;
    return 0;
}
