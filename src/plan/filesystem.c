/* What every container with a mount namespace gets: rootfs, /proc, /sys, /dev and what belongs in it. */
#include <plan/plan.h>

#include <base/util.h>

#include <linux/mount.h>
#include <string.h>
#include <unistd.h>

/* In a user namespace a kernel file system can only be mounted by the owner of the namespace that it shows;
 * without that, the host's is bound instead. */
struct default_mount {
    const char *type, *destination, *data;
    uint64_t flags;
    int needs; /* enum config_namespace, or -1 */
    bool labelled;
};

static const struct default_mount default_mounts[] = {
    { "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, NAMESPACE_PID, false },
    { "tmpfs", "/dev", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME, -1, true },
    { "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=620", MS_NOSUID | MS_NOEXEC, -1, true },
    { "tmpfs", "/dev/shm", "mode=1777,size=65536k", MS_NOSUID | MS_NODEV | MS_NOEXEC, -1, true },
    { "mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, NAMESPACE_IPC, true },
    /* Last: it shows the network namespace, which is the last to be ready. */
    { "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NAMESPACE_NET, false },
};
#define SYSFS (ARRAY_SIZE(default_mounts) - 1)

const struct config_device plan_default_devices[PLAN_DEVICES] = {
    { .pointer = "", .path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666 },
    { .pointer = "", .path = "/dev/zero", .type = 'c', .major = 1, .minor = 5, .mode = 0666 },
    { .pointer = "", .path = "/dev/full", .type = 'c', .major = 1, .minor = 7, .mode = 0666 },
    { .pointer = "", .path = "/dev/random", .type = 'c', .major = 1, .minor = 8, .mode = 0666 },
    { .pointer = "", .path = "/dev/urandom", .type = 'c', .major = 1, .minor = 9, .mode = 0666 },
    { .pointer = "", .path = "/dev/tty", .type = 'c', .major = 5, .minor = 0, .mode = 0666 },
};

const struct plan_link plan_default_links[PLAN_LINKS_OCI] = {
    { "pts/ptmx", "/dev/ptmx" },
    { "/proc/self/fd", "/dev/fd" },
    { "/proc/self/fd/0", "/dev/stdin" },
    { "/proc/self/fd/1", "/dev/stdout" },
    { "/proc/self/fd/2", "/dev/stderr" },
    { "/proc/kcore", "/dev/core" },
};

static bool must_bind(const struct plan_request *request, const struct default_mount *mount)
{
    const struct lc_config *config = request->config;

    if (!request->user || mount->needs < 0)
        return false;
    if (mount->needs == NAMESPACE_NET && config->n_networks > 0 && config->networks[0].type == NETWORK_NETNS)
        return true;
    return (config->namespaces & NAMESPACE_BIT(mount->needs)) == 0;
}

struct wire_op *plan_source_op(
        const struct plan_request *request, const char *path, bool recursive, const char *pointer)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_SOURCE, pointer);
    uint32_t slot = plan_slot(request->plan);

    op->text[0] = plan_text(request->plan, path);
    op->number[0] = recursive;
    op->number[1] = slot;
    return op;
}

int16_t plan_source(const struct plan_request *request, const char *path, bool recursive, const char *pointer)
{
    return (int16_t)plan_source_op(request, path, recursive, pointer)->number[1];
}

/* What the host itself does not have (/dev/mqueue, as a rule) the container does without. */
static int16_t bind_source(const struct plan_request *request, const char *path)
{
    return access(path, F_OK) < 0 ? -1 : plan_source(request, path, true, "");
}

/* Everything of the host is opened before the pivot, while the container's tree is not there to redirect it. */
void plan_sources(struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct plan_sources *sources = &request->sources;
    bool hand = plan_hands_trees(request);

    sources->mounts = arena_calloc(&request->plan->arena, config->n_mounts + 1, sizeof(*sources->mounts));
    if (sources->mounts == NULL) {
        request->plan->failed = true;
        return;
    }
    if (request->options->console != NULL)
        sources->console = plan_give(request->plan,
                (struct plan_given){
                        .kind = GIVEN_CONSOLE, .path = request->options->console, .pointer = "" });
    for (size_t i = 0; i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];

        sources->mounts[i] = -1;
        if (strcmp(mount->type, "bind") == 0 && !mount->remount && !hand && plan_is_mapped(mount))
            sources->mounts[i] = plan_give_mount(request, mount, mount->source);
    }
    plan_add(request->plan, WIRE_OP_PROPAGATION, "")->number[0] = MS_SLAVE | MS_REC;
    sources->rootfs = hand ? plan_hand_rootfs(request) : -1;
    for (size_t i = 0; i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];

        if (strcmp(mount->type, "bind") == 0 && !mount->remount && sources->mounts[i] < 0)
            sources->mounts[i] =
                    hand ? plan_hand_mount(request, mount, mount->source)
                         : plan_source(request, mount->source, mount->recursive_bind, mount->pointer);
    }
    if (request->options->console != NULL)
        sources->console_tree = plan_source(request, request->options->console, false, "");
    for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++)
        if (must_bind(request, &default_mounts[i]))
            sources->kernel[i] = bind_source(request, default_mounts[i].destination);
    for (size_t i = 0; request->user && i < PLAN_DEVICES; i++)
        sources->devices[i] = plan_source(request, plan_default_devices[i].path, false, "");
}

static void add_bind(const struct plan_request *request, int16_t slot, const char *destination, uint64_t set)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_BIND, "");

    op->slot = slot;
    op->text[2] = plan_text(request->plan, destination);
    op->number[0] = set;
    op->number[2] = WIRE_MOUNT_NO_SYMLINKS;
}

const char *plan_labelled(const struct plan_request *request, const char *data)
{
    const char *label = request->config->mount_label;

    if (label == NULL || (data != NULL && strstr(data, "context=") != NULL))
        return data;
    return arena_printf(&request->plan->arena, "%s%scontext=\"%s\"", data != NULL ? data : "",
            data != NULL ? "," : "", label);
}

/* The data of a kernel file system with what depends on the configuration. */
static const char *mount_data(const struct plan_request *request, const struct default_mount *mount)
{
    struct arena *arena = &request->plan->arena;
    const char *data = mount->data;

    /* The tty group does not exist in a small map. */
    if (strcmp(mount->type, "devpts") == 0 && !request->user)
        data = arena_printf(arena, "%s,gid=5", data);
    return mount->labelled ? plan_labelled(request, data) : data;
}

static void add_default_mount(const struct plan_request *request, size_t i)
{
    const struct default_mount *mount = &default_mounts[i];
    struct wire_op *op;

    if (must_bind(request, mount)) {
        if (request->sources.kernel[i] < 0)
            return;
        /* Attributes that the host's mount has locked stay; read-only is what matters for /sys. */
        add_bind(request, request->sources.kernel[i], mount->destination,
                (mount->flags & MS_RDONLY) != 0 ? MOUNT_ATTR_RDONLY : 0);
        return;
    }
    op = plan_add(request->plan, WIRE_OP_MOUNT, "");
    op->text[0] = op->text[1] = plan_text(request->plan, mount->type);
    op->text[2] = plan_text(request->plan, mount->destination);
    op->text[3] = plan_text(request->plan, mount_data(request, mount));
    op->number[0] = mount->flags;
    op->number[1] = WIRE_MOUNT_NO_SYMLINKS;
}

void plan_console(const struct plan_request *request)
{
    struct wire_op *op;

    if (!request->config->tty)
        return;
    if (request->options->console != NULL)
        add_bind(request, request->sources.console_tree, "/dev/console", 0);
    op = plan_add(request->plan, WIRE_OP_CONSOLE, request->config->pointers->tty);
    op->number[0] = request->options->console == NULL;
    op->number[1] = (uint64_t)request->options->rows << 16 | request->options->columns;
    if (request->options->console != NULL)
        op->slot = request->sources.console;
}

void plan_filesystem(const struct plan_request *request)
{
    struct lc_plan *plan = request->plan;
    struct wire_op *op = plan_add(plan, WIRE_OP_ROOTFS, "");

    op->text[0] = plan_text(plan, request->options->rootfs);
    op->slot = request->sources.rootfs;
    for (size_t i = 0; i < SYSFS; i++)
        add_default_mount(request, i);
    for (size_t i = 0; i < PLAN_DEVICES; i++) {
        if (request->user)
            add_bind(request, request->sources.devices[i], plan_default_devices[i].path, 0);
        else
            (void)plan_add_device(request, &plan_default_devices[i], 0);
    }
    for (size_t i = 0; i < PLAN_LINKS; i++) {
        op = plan_add(plan, WIRE_OP_SYMLINK, "");
        op->text[0] = plan_text(plan, plan_default_links[i].target);
        op->text[1] = plan_text(plan, plan_default_links[i].path);
    }
    plan_console(request);
}

/* Enters the network namespace as soon as it is made, and shows it in /sys. */
void plan_sysfs(const struct plan_request *request)
{
    plan_join_network(request);
    add_default_mount(request, SYSFS);
}
