/* One mount of config.json, and where its source comes from. */
#include <plan/plan.h>

#include <base/util.h>

#include <linux/mount.h>
#include <string.h>

bool plan_mount_is(const struct config_mount *mount, const char *type)
{
    return mount->type != NULL && strcmp(mount->type, type) == 0; /* a remount needs none */
}

static bool is_bind(const struct config_mount *mount)
{
    return plan_mount_is(mount, "bind");
}

static int refuse(const struct config_mount *mount, int errnum, const char *hint, const char *text,
        struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "plan",
                    .op = "mount",
                    .pointer = mount->pointer,
                    .object = mount->destination,
                    .errnum = errnum,
                    .hint = hint },
            "%s", text);
}

/* Programs believe /proc, and so do we when a label is written: only a procfs may stand there, and of single files
 * below it those that resource views (lxcfs) replace. */
static int check_proc(
        const struct config_mount *mount, const char *destination, uint64_t *flags, struct lc_error **err)
{
    static const char *const allowed[] = { "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat",
        "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev",
        "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled" };

    if (plan_mount_is(mount, "proc") || mount->remount)
        return 0;
    *flags |= WIRE_MOUNT_GUARD_PROC;
    if (strcmp(destination, "/proc") == 0 && is_bind(mount)) {
        *flags |= WIRE_MOUNT_FROM_PROC;
        return 0;
    }
    if (strcmp(destination, "/proc") != 0 && strncmp(destination, "/proc/", 6) != 0)
        return 0;
    for (size_t i = 0; is_bind(mount) && i < ARRAY_SIZE(allowed); i++)
        if (strcmp(destination, allowed[i]) == 0) {
            *flags &= ~(uint64_t)WIRE_MOUNT_GUARD_PROC;
            return 0;
        }
    return refuse(mount, EPERM, "leave it out, or hide it with maskedPaths",
            "only a proc file system can be mounted on /proc, and nothing of another kind below it", err);
}

static const char *source_path(const struct plan_request *request, const struct config_mount *mount)
{
    const struct config_oci *oci = &request->config->oci;

    if (mount->source[0] == '/' || oci->bundle == NULL)
        return mount->source;
    return arena_printf(&request->plan->arena, "%s/%s", oci->bundle, mount->source);
}

bool plan_is_mapped(const struct config_mount *mount)
{
    return mount->idmap || mount->recursive_idmap || mount->mappings.n_uid > 0;
}

int plan_check_mapped(
        const struct plan_request *request, const struct config_mount *mount, struct lc_error **err)
{
    if (!is_bind(mount))
        return refuse(mount, EOPNOTSUPP, NULL, "ids can be mapped in bind mounts only", err);
    if (!request->options->privileged)
        return refuse(mount, EPERM, NULL, "a mount with mapped ids can only be made by root", err);
    if (mount->mappings.n_uid == 0 && !request->user &&
            request->config->oci.namespace_paths[NAMESPACE_USER] == NULL)
        return refuse(mount, EINVAL, "give it uidMappings and gidMappings",
                "there are no mappings: the mount has none, and the container has no user namespace", err);
    return 0;
}

static struct plan_given mount_tree(const struct config_mount *mount, const char *path)
{
    return (struct plan_given){ .kind = GIVEN_TREE,
        .path = path,
        .pointer = mount->pointer,
        .flat = !mount->recursive_bind,
        .idmap = plan_is_mapped(mount),
        .recursive_idmap = mount->recursive_idmap,
        .mappings = mount->mappings.n_uid > 0 ? &mount->mappings : NULL };
}

int16_t plan_give_mount(
        const struct plan_request *request, const struct config_mount *mount, const char *path)
{
    return plan_give(request->plan, mount_tree(mount, path));
}

bool plan_hands_trees(const struct plan_request *request)
{
    return request->user && request->options->privileged;
}

static int16_t hand_tree(const struct plan_request *request, struct plan_given given)
{
    struct lc_plan *plan = request->plan;
    struct wire_op *op = plan_add(plan, WIRE_OP_TREE, given.pointer);
    uint32_t slot = plan_slot(plan);

    if (plan->trees == NULL)
        plan->trees = arena_calloc(&plan->arena, request->config->n_mounts + 1, sizeof(*plan->trees));
    if (plan->trees == NULL) {
        plan->failed = true;
        return -1;
    }
    plan->tells_trees = request->enters;
    op->text[0] = plan_text(plan, given.path);
    op->number[0] = !given.flat;
    op->number[1] = slot;
    op->number[2] = request->enters && plan->n_trees == 0;
    plan->trees[plan->n_trees++] = given;
    return (int16_t)slot;
}

int16_t plan_hand_rootfs(const struct plan_request *request)
{
    return hand_tree(request,
            (struct plan_given){ .kind = GIVEN_TREE, .path = request->options->rootfs, .pointer = "" });
}

int16_t plan_hand_mount(
        const struct plan_request *request, const struct config_mount *mount, const char *path)
{
    return hand_tree(request, mount_tree(mount, path));
}

/* What the parent must open before there is a child. */
static int give_sources(struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    int r = 0;

    if (request->options->console != NULL)
        request->sources.console = plan_give(request->plan,
                (struct plan_given){
                        .kind = GIVEN_CONSOLE, .path = request->options->console, .pointer = "" });
    for (size_t i = 0; r == 0 && i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];

        request->sources.mounts[i] = -1;
        if (plan_is_mapped(mount))
            r = plan_check_mapped(request, mount, err);
        if (r == 0 && is_bind(mount) && !mount->remount && mount->source == NULL)
            r = refuse(mount, EINVAL, NULL, "a bind mount needs a source", err);
        if (r == 0 && is_bind(mount) && !mount->remount && !plan_hands_trees(request) &&
                plan_is_mapped(mount))
            request->sources.mounts[i] = plan_give_mount(request, mount, source_path(request, mount));
    }
    plan_give_devices(request);
    return r;
}

/* What the host's tree becomes in our copy of it. Mounts that are to be shared with the host must stay in its peer
 * groups; only "/" leaves, so that the rootfs can be put on top of it. Otherwise nothing of ours reaches the host. */
static uint64_t host_propagation(const struct lc_config *config)
{
    if ((config->oci.rootfs_propagation & MS_SHARED) != 0)
        return MS_PRIVATE;
    return (config->oci.rootfs_propagation & MS_PRIVATE) != 0 ? MS_PRIVATE | MS_REC : MS_SLAVE | MS_REC;
}

/* false: out of memory. */
static bool clean_paths(struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct plan_sources *sources = &request->sources;
    struct arena *arena = &request->plan->arena;

    sources->mounts = arena_calloc(arena, config->n_mounts + 1, sizeof(*sources->mounts));
    sources->destinations = arena_calloc(arena, config->n_mounts + 1, sizeof(*sources->destinations));
    sources->nodes = arena_calloc(arena, config->n_devices + 1, sizeof(*sources->nodes));
    sources->made = arena_calloc(arena, config->n_devices + 1, sizeof(*sources->made));
    if (sources->mounts == NULL || sources->destinations == NULL || sources->nodes == NULL ||
            sources->made == NULL)
        return false;
    for (size_t i = 0; i < config->n_mounts; i++)
        sources->destinations[i] = plan_clean_path(request, config->mounts[i].destination);
    for (size_t i = 0; i < config->n_devices; i++)
        sources->nodes[i] = plan_clean_path(request, config->devices[i].path);
    return true;
}

/* Opened before anything is mounted, copied in its turn. */
static int16_t add_source(
        const struct plan_request *request, const struct config_mount *mount, const char *path)
{
    struct wire_op *op = plan_source_op(request, path, mount->recursive_bind, mount->pointer);

    op->number[2] = 1;
    return (int16_t)op->number[1];
}

int plan_sources_oci(struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    struct plan_sources *sources = &request->sources;
    int r;

    if (!clean_paths(request))
        return error_raise(err, &(struct error_site){ .stage = "plan", .errnum = ENOMEM }, NULL);
    r = give_sources(request, err);
    if (r < 0)
        return r;
    if (request->mount) {
        plan_add(request->plan, WIRE_OP_PROPAGATION, "")->number[0] = host_propagation(config);
        sources->rootfs = plan_hands_trees(request) ? plan_hand_rootfs(request) : -1;
    } else {
        sources->rootfs = plan_give(request->plan,
                (struct plan_given){ .kind = GIVEN_DESCRIPTOR, .number = DESCRIPTOR_ROOT, .pointer = "" });
        request->plan->inherits_mounts = true;
    }
    for (size_t i = 0; i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];
        const char *path;

        if (!is_bind(mount) || mount->remount || sources->mounts[i] >= 0)
            continue;
        path = source_path(request, mount);
        sources->mounts[i] = plan_hands_trees(request) ? plan_hand_mount(request, mount, path)
                                                       : add_source(request, mount, path);
    }
    if (request->options->console != NULL)
        sources->console_tree = plan_source(request, request->options->console, false, "");
    return 0;
}

static const char *mount_data(const struct plan_request *request, const struct config_mount *mount)
{
    static const char *const unlabelled[] = { "proc", "sysfs", "cgroup", "cgroup2", "binfmt_misc", "debugfs",
        "tracefs", "securityfs", "bpf", "efivarfs", "pstore" };

    for (size_t i = 0; i < ARRAY_SIZE(unlabelled); i++)
        if (plan_mount_is(mount, unlabelled[i]))
            return mount->data;
    return plan_labelled(request, mount->data);
}

int plan_mount_oci(struct plan_request *request, size_t index, struct lc_error **err)
{
    const struct config_mount *mount = &request->config->mounts[index];
    const char *destination = request->sources.destinations[index];
    uint64_t flags = 0;
    int r = check_proc(mount, destination, &flags, err);

    if (r < 0)
        return r;
    if (strcmp(destination, "/") == 0 && !mount->remount)
        return refuse(mount, EINVAL, "name the directory in root.path", "the root is not mounted over", err);
    if (mount->copy_up && !plan_mount_is(mount, "tmpfs"))
        return refuse(mount, EINVAL, NULL, "only a tmpfs can begin as a copy (tmpcopyup)", err);
    if (plan_mount_is(mount, "sysfs"))
        plan_network_once(request); /* it shows the network namespace */
    if (mount->remount)
        plan_add_remount(request, mount);
    else if (is_bind(mount))
        plan_add_bind(request, mount, request->sources.mounts[index], flags);
    else if (plan_mount_is(mount, "cgroup") || plan_mount_is(mount, "cgroup2"))
        plan_mount_cgroup(request, mount);
    else
        plan_add_mount(request, mount, mount_data(request, mount),
                flags | (plan_mount_is(mount, "tmpfs") ? WIRE_MOUNT_KEEP_MODE : 0));
    return 0;
}
