/* The container's tree as config.json has it: nothing is mounted but what it lists, in its order. */
#include <plan/plan.h>

#include <base/util.h>

#include <linux/mount.h>
#include <string.h>

const char *plan_clean_path(const struct plan_request *request, const char *path)
{
    char *clean = arena_alloc(&request->plan->arena, strlen(path) + 2);
    size_t length = 0;

    if (clean == NULL) {
        request->plan->failed = true;
        return "/";
    }
    for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
        size_t part = strcspn(path, "/");

        if (part == 2 && path[0] == '.' && path[1] == '.') {
            while (length > 0 && clean[--length] != '/')
                continue;
        } else if (part != 1 || path[0] != '.') {
            clean[length++] = '/';
            memcpy(clean + length, path, part);
            length += part;
        }
        path += part;
    }
    if (length == 0)
        clean[length++] = '/';
    clean[length] = '\0';
    return clean;
}

const struct config_mount *plan_mount_above(const struct plan_request *request, const char *path)
{
    for (size_t i = request->config->n_mounts; i-- > 0;) {
        const struct config_mount *mount = &request->config->mounts[i];
        const char *above = request->sources.destinations[i];
        size_t length = strlen(above);

        if (!mount->remount && strncmp(path, above, length) == 0 &&
                (path[length] == '/' || path[length] == '\0'))
            return mount;
    }
    return NULL;
}

void plan_network_once(struct plan_request *request)
{
    if (!request->network_joined)
        plan_join_network(request);
    request->network_joined = true;
}

void plan_wait_groups(struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;

    if (request->groups_waited)
        return;
    plan_network_once(request);
    request->groups_waited = true;
    plan_add(request->plan, WIRE_OP_WAIT, "");
    if ((config->namespaces & NAMESPACE_BIT(NAMESPACE_CGROUP)) == 0 ||
            config->oci.namespace_paths[NAMESPACE_CGROUP] != NULL)
        return;
    op = plan_add(request->plan, WIRE_OP_UNSHARE, config->pointers->namespaces);
    op->number[0] = config_namespaces[NAMESPACE_CGROUP].clone_flag;
    op->text[0] = plan_text(request->plan, config_namespaces[NAMESPACE_CGROUP].key);
}

/* A read-only tmpfs is writable until all that lies in it is there: mount points, nodes, links. */
static void finish_tmpfs(const struct plan_request *request)
{
    for (size_t i = 0; i < request->config->n_mounts; i++) {
        const struct config_mount *mount = &request->config->mounts[i];

        if (mount->remount || (mount->attr_set & MOUNT_ATTR_RDONLY) == 0 || !plan_mount_is(mount, "tmpfs") ||
                plan_mount_above(request, request->sources.destinations[i]) != mount)
            continue;
        plan_set_readonly(request, mount);
    }
}

/* The network namespace and the groups are what the parent takes longest for. */
static bool waits_for_parent(const struct config_mount *mount)
{
    return plan_mount_is(mount, "sysfs") || plan_mount_is(mount, "cgroup") || plan_mount_is(mount, "cgroup2");
}

static int add_nodes(const struct plan_request *request, struct lc_error **err)
{
    int r = plan_nodes_oci(request, err);

    if (r < 0)
        return r;
    plan_console(request);
    plan_hiding(request, true);
    return 0;
}

/* In the order of the list; all else comes as early as it can, before the first mount that has to wait. */
static int add_tree(struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    size_t independent = plan_first_independent(request);
    bool nodes = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < config->n_mounts; i++) {
        if (!nodes && waits_for_parent(&config->mounts[i]) && i >= independent) {
            nodes = true;
            r = add_nodes(request, err);
        }
        if (r == 0)
            r = plan_mount_oci(request, i, err);
    }
    return r == 0 && !nodes ? add_nodes(request, err) : r;
}

int plan_tree_oci(struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;
    int r;

    if (config->no_pivot_root && (config->oci.rootfs_propagation & MS_SHARED) != 0)
        return error_raise(err,
                &(struct error_site){ .stage = "plan",
                        .op = "rootfs",
                        .pointer = config->pointers->rootfs_propagation,
                        .errnum = EINVAL,
                        .hint = "leave --no-pivot out" },
                "without pivot_root the host's mounts cannot be taken away from a shared root");
    r = plan_sources_oci(request, err);
    if (r < 0)
        return r;
    op = plan_add(request->plan, WIRE_OP_ROOTFS,
            config->oci.rootfs_propagation != 0 ? config->pointers->rootfs_propagation : "");
    op->text[0] = plan_text(request->plan, request->options->rootfs);
    op->slot = request->sources.rootfs;
    op->number[0] = config->oci.rootfs_propagation;
    op->number[1] = !request->mount;
    r = add_tree(request, err);
    if (r < 0)
        return r;
    plan_network_once(request);
    plan_sysctls(request); /* through the host's /proc, which is not hidden */
    plan_hiding(request, false);
    finish_tmpfs(request);
    return 0;
}
