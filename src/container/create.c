#include "final.h"
#include "idmap.h"
#include "mark.h"

#include <base/util.h>
#include <lcsys/syscalls.h>
#include <security/apparmor.h>
#include <security/capabilities.h>
#include <security/selinux.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The next exec obeys container.json, so the container must not be able to put another one in its place. When it lies in
 * the rootfs, a read-only mount holds it: the file, or, further down, the topmost directory above it. */
static const char *protected_path(const struct container *container, char *path, size_t size)
{
    size_t length = strlen(container->rootfs);
    const char *below;

    if (strcmp(container->rootfs, "/") == 0)
        length = 0;
    below = container->root + length;
    if (strncmp(container->root, container->rootfs, length) != 0 || (*below != '/' && *below != '\0'))
        return NULL;
    if (*below == '\0' || below[1] == '\0')
        (void)snprintf(path, size, "/container.json");
    else
        (void)snprintf(path, size, "/%.*s", (int)strcspn(below + 1, "/"), below + 1);
    return path;
}

int plan_for(const struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct lc_plan **ret, struct lc_error **err)
{
    char path[PATH_MAX + 32];
    struct plan_options plan_options = {
        .rootfs = container->rootfs,
        .argv = options->argv,
        .protect = protected_path(container, path, sizeof(path)),
        .console = options->console,
        .rows = options->rows,
        .columns = options->columns,
        /* Without detached trees the child has to reach everything by itself. */
        .privileged = geteuid() == 0 && sys_open_tree(-1, "", 0) != -ENOSYS,
        .die_with_parent = (options->flags & LC_DIE_WITH_CALLER) != 0,
    };

    return plan_create(config, &plan_options, ret, err);
}

/* A link in the rootfs cannot be protected by a mount: the container could replace it. */
static int check_protection(const struct container *container, struct lc_error **err)
{
    struct stat st;

    if (strcmp(container->root, container->rootfs) != 0 ||
            fstatat(container->root_fd, "container.json", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISLNK(st.st_mode))
        return 0;
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "container.json",
                    .object = container->root,
                    .errnum = EPERM,
                    .hint = "put the file itself there, or give the directory that it lies in with --root" },
            "a symbolic link in the rootfs could be replaced by the container");
}

static int check_capabilities(const struct lc_config *config, struct lc_error **err)
{
    CLEAN_FREE char *name = NULL;
    uint64_t bounding;

    if (!config->capabilities_given || config->from_oci ||
            (config->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0 ||
            capabilities_bounding(&bounding) < 0 || (config->capabilities & ~bounding) == 0)
        return 0;
    name = capability_name(__builtin_ctzll(config->capabilities & ~bounding));
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "capabilities",
                    .pointer = config->pointers->capabilities,
                    .errnum = EPERM,
                    .object = name,
                    .hint = "leave it out, or start nsinit with it in its bounding set" },
            "the caller itself does not have this capability");
}

int check_host(const struct lc_config *config, struct lc_error **err)
{
    int r = 0;

    if (config->apparmor_profile != NULL)
        r = apparmor_check(config->apparmor_profile, config->pointers->apparmor_profile, err);
    if (r == 0 && config->process_label != NULL)
        r = selinux_check(config->process_label, config->pointers->process_label, err);
    if (r == 0 && config->mount_label != NULL)
        r = selinux_check(config->mount_label, config->pointers->mount_label, err);
    if (r == 0)
        r = check_capabilities(config, err);
    if (r == 0)
        r = network_check(config, err);
    return r;
}

/* Without a pid namespace only a control group knows all the processes. Where none is asked for, one of ours without
 * limits is used as far as the host lets us: then its processes are found by a namespace of theirs. `tracked`: the
 * configuration to make groups by. */
static int plan_groups(struct container *container, const struct lc_config *config, struct lc_config *tracked,
        struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    bool ours = !config->cgroups.present && (config->namespaces & NAMESPACE_BIT(NAMESPACE_PID)) == 0;

    if (!ours)
        return cgroup_plan(config, container->id, groups, err);
    tracked->cgroups = (struct config_cgroups){ .present = true, .parent = "nsinit", .device_access = true };
    if (geteuid() != 0 || cgroup_plan(tracked, container->id, groups, NULL) < 0 ||
            access(groups->groups[0].mount, W_OK) < 0)
        cgroup_set_done(groups);
    return 0;
}

/* The intent: everything that will be made on the host, known by name before it is made. */
static int record_intent(struct container *container, const struct lc_config *config,
        struct lc_config *tracked, struct lc_error **err)
{
    struct record *record = &container->record;
    int r;

    record->namespaces = config->namespaces;
    record->links = calloc(config->n_networks + 1, sizeof(*record->links));
    if (record->links == NULL)
        return error_raise(err, &(struct error_site){ .stage = "create", .errnum = ENOMEM }, NULL);
    for (size_t i = 0; i < config->n_networks; i++)
        if (config->networks[i].type == NETWORK_NETNS) {
            record->foreign_network = true;
            record->namespaces &= ~NAMESPACE_BIT(NAMESPACE_NET);
        }
    r = plan_groups(container, config, tracked, err);
    if (r == 0)
        cgroup_keep(config, container->wants_final, &record->groups);
    if (r == 0)
        r = network_plan(config, record->links, err);
    record->n_links = config->n_networks;
    /* The first thing that would outlast us is made before the spawn only on v2; else the child is first, which
     * dies with us by itself, and the record is written with its identity in one go. */
    for (size_t i = 0; r == 0 && i < record->groups.count; i++)
        if (record->groups.groups[i].v2)
            return record_write(container, err);
    return r;
}

/* The namespace of a child that made its own, in its user namespace. */
int child_netns(pid_t pid, struct lc_error **err)
{
    char path[64];
    int netns;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    netns = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        return error_raise(err,
                &(struct error_site){
                        .stage = "network", .syscall = "open", .object = path, .errnum = errno },
                NULL);
    return netns;
}

static bool needs_links(const struct lc_config *config)
{
    for (size_t i = 0; i < config->n_networks; i++)
        if (config->networks[i].type == NETWORK_VETH)
            return true;
    return false;
}

int map_ids(const struct lc_config *config, const struct session *session, struct lc_error **err)
{
    struct wire_message mapped = { .type = WIRE_MAPPED };
    int r = idmap_write(config, session->pid, err);

    if (r == 0 && wire_send(session->socket, &mapped, -1) < 0)
        r = error_raise(err, &(struct error_site){ .stage = "create", .errnum = EPIPE }, "MAPPED");
    return r;
}

int send_netns(const struct session *session, int netns)
{
    struct wire_message message = { .type = WIRE_NETWORK };

    (void)wire_send(session->socket, &message, netns);
    return 0;
}

static int make_links(struct container *container, const struct lc_config *config, struct session *session,
        int *netns, struct lc_error **err)
{
    int r = 0;

    if (!needs_links(config))
        return 0;
    if (*netns < 0) {
        r = session_until(session, WIRE_UNSHARED, err);
        if (r == 0)
            *netns = r = child_netns(session->pid, err);
    }
    return r < 0 ? r : network_make(config, container->record.links, *netns, container->log, err);
}

/* The host's half, while the child mounts. */
static int host_half(struct container *container, const struct lc_config *config, struct session *session,
        struct lc_error **err)
{
    struct record *record = &container->record;
    CLEAN_FD int netns = -EBADF;
    int r = 0;

    if (session->plan->map_ids)
        r = map_ids(config, session, err);
    if (r == 0)
        r = trees_send(session, err);
    if (r == 0 && identity_read(session->pid, &record->init) < 0)
        return session_until(session, WIRE_READY, err); /* gone already: it has said why */
    if (r == 0 && (record->namespaces & NAMESPACE_BIT(NAMESPACE_PID)) == 0 && record->groups.count == 0)
        mark_take(container);
    if (r == 0)
        r = record_write(container, err);
    if (r == 0)
        r = files_write(container, err);
    if (r == 0)
        r = cgroup_make_v1(config, &record->groups, container->log, err);
    /* As late as can be: it is made meanwhile. */
    if (r == 0 && session->plan->makes_network) {
        netns = r = netns_take(session, err);
        if (r >= 0)
            r = send_netns(session, netns);
    }
    if (r == 0)
        r = make_links(container, config, session, &netns, err);
    /* Without a pid namespace the kernel would kill only the first process with us. */
    if (r == 0 && (session->plan->flags & WIRE_DIE_WITH_PARENT) != 0 &&
            (record->namespaces & NAMESPACE_BIT(NAMESPACE_PID)) == 0 && session->pidfd >= 0)
        r = guard_start(&session->guard, session->pidfd, container, err);
    return r < 0 ? r : session_place(session, &record->groups, err);
}

/* Between the first side effect and the running program; the caller undoes all on failure. */
static int start(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err)
{
    CLEAN_FD int group = -EBADF;
    int given[PLAN_GIVEN_MAX], r;

    if (session->plan->map_ids && geteuid() == 0) {
        r = targets_make(container, config, err);
        if (r < 0)
            return r;
    }
    r = given_open(session->plan, 0, NULL, given, err);
    if (r < 0)
        return r;
    session->memory_limited =
            config->cgroups.limits[LIMIT_MEMORY].set || config->cgroups.limits[LIMIT_MEMORY_HIGH].set;
    r = cgroup_make_v2(config, &container->record.groups, container->log, &group, err);
    if (r == 0)
        r = session_start(session, options->stdio, given, group, err);
    if (r == 0)
        r = host_half(container, config, session, err);
    if (r == 0)
        r = session_until(session, WIRE_READY, err);
    given_close(given, session->plan->n_given);
    return r;
}

int container_create(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err)
{
    struct lc_plan *plan = NULL;
    struct lc_config tracked = *config;
    int r = check_host(config, err);

    if (r == 0)
        r = check_protection(container, err);
    if (r == 0)
        r = plan_for(container, config, options, &plan, err);
    if (r < 0)
        return r;
    session->plan = plan;
    netns_begin(session, config);
    files_warn_stale(container);
    r = record_intent(container, config, &tracked, err);
    if (r == 0)
        r = start(container, &tracked, options, session, err);
    if (r < 0) {
        session_abort(session);
        final_blame(container, err != NULL ? *err : NULL);
        (void)container_reclaim(container, NULL);
    }
    plan_free(plan);
    session->plan = NULL;
    return r;
}
