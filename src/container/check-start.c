/* The rehearsal: a whole start with everything but the command. The command is "/", and to execute a
 * directory is the last thing that fails: so an error of the op "exec" says that all before it went well. */
#include "check.h"

#include <base/util.h>
#include <lcsys/path.h>
#include <lcsys/syscalls.h>

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rehearsal {
    struct check *check;
    struct lc_config config; /* without what would outlast us */
    bool cover;              /* mount points are missing: they are made in a layer above the rootfs */
    int result;
};

/* A bridge that would be made here would stay here; check_networks makes it elsewhere. A living container may
 * have the same hardware address. */
static void choose_networks(struct lc_config *config, struct config_network *networks)
{
    size_t count = 0;

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];

        if (network->type == NETWORK_VETH && network->create_bridge && if_nametoindex(network->bridge) == 0)
            continue;
        networks[count] = *network;
        networks[count++].has_mac = false;
    }
    config->networks = networks;
    config->n_networks = count;
}

static bool is_foreign_network(const struct lc_config *config)
{
    return config->n_networks > 0 && config->networks[0].type == NETWORK_NETNS;
}

/* Settings of a network namespace that is not ours stay as they are. */
static void choose_sysctls(struct lc_config *config, struct config_sysctl *sysctls)
{
    size_t count = 0;

    for (size_t i = 0; i < config->n_sysctls; i++)
        if (!is_foreign_network(config) || strncmp(config->sysctls[i].key, "net/", 4) != 0)
            sysctls[count++] = config->sysctls[i];
    config->sysctls = sysctls;
    config->n_sysctls = count;
}

/* Only what leaves no trace on a disk when it is mounted: the kernel's own, and what is only read. */
static bool leaves_no_trace(const struct config_mount *mount)
{
    static const char *const types[] = { "bind", "proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue",
        "cgroup", "cgroup2" };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(mount->type, types[i]) == 0)
            return true;
    return strcmp(mount->type, "overlay") == 0 && mount->data != NULL &&
           strstr(mount->data, "upperdir=") == NULL;
}

static void choose_mounts(struct lc_config *config, struct config_mount *mounts)
{
    size_t count = 0;

    for (size_t i = 0; i < config->n_mounts; i++)
        if (leaves_no_trace(&config->mounts[i]))
            mounts[count++] = config->mounts[i];
    config->mounts = mounts;
    config->n_mounts = count;
}

static bool is_missing(const struct check *check, const char *destination)
{
    CLEAN_FD int fd = path_open(check->rootfs, destination, PATH_MUST_EXIST, false);

    return fd < 0;
}

static bool any_missing(const struct check *check, const struct lc_config *config)
{
    static const char *const usual[] = { "/proc", "/sys", "/dev" };

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (check_has_namespace(check, NAMESPACE_MNT) && is_missing(check, usual[i]))
            return true;
    for (size_t i = 0; i < config->n_mounts; i++)
        if (is_missing(check, config->mounts[i].destination))
            return true;
    return false;
}

/* mount(8)'s way to write a path among options. */
static void add_path(struct buffer *out, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path == ',' || *path == ':' || *path == '\\')
            buffer_text(out, "\\");
        buffer_add(out, path, 1);
    }
}

static int mount_layer(const char *place, const char *rootfs)
{
    static const char *const names[] = { "upper", "work", "root" };
    struct buffer options = { 0 };
    CLEAN_FREE char *text = NULL;
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 8, place, names[i]);
        if (mkdir(path, 0755) < 0)
            return -errno;
    }
    buffer_text(&options, "lowerdir=");
    add_path(&options, rootfs);
    buffer_text(&options, ",upperdir=");
    add_path(&options, place);
    buffer_text(&options, "/upper,workdir=");
    add_path(&options, place);
    buffer_text(&options, "/work");
    text = buffer_take_text(&options);
    return text == NULL ? -ENOMEM : sys_mount("overlay", path, "overlay", 0, text);
}

/* A layer over the rootfs, on a tmpfs over the state directory, in a mount namespace that ends with this
 * thread: whatever happens, nothing of it remains. */
static int cover_rootfs(struct container *container)
{
    char link[64], place[PATH_MAX];
    ssize_t length;
    int r;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", container->state_fd);
    length = readlink(link, place, sizeof(place) - 1);
    if (length < 0)
        return -errno;
    place[length] = '\0';
    if (unshare(CLONE_NEWNS) < 0)
        return -errno;
    r = sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (r == 0)
        r = sys_mount("tmpfs", place, "tmpfs", MS_NOSUID, "mode=755");
    if (r == 0)
        r = mount_layer(place, container->rootfs);
    if (r == 0)
        (void)snprintf(container->rootfs, sizeof(container->rootfs), "%.*s/root", PATH_MAX - 8, place);
    return r;
}

static void run(void *data)
{
    static const char *const argv[] = { "/", NULL };
    struct rehearsal *rehearsal = data;
    struct check *check = rehearsal->check;
    struct lc_options options = { .size = sizeof(options),
        .argv = argv,
        .stdio = { -1, -1, -1 },
        .rows = check->options.rows,
        .columns = check->options.columns,
        .flags = LC_DIE_WITH_CALLER };
    struct session session;

    session_init(&session, &check->log);
    if (rehearsal->cover && cover_rootfs(&check->container) < 0) {
        check->not_rehearsed = "mount points are missing in the rootfs, which the first start makes";
        return;
    }
    rehearsal->result =
            container_create(&check->container, &rehearsal->config, &options, &session, &check->start_error);
    if (rehearsal->result == 0) /* a command that is a directory does not run; should it ever, it ends here */
        session_abort(&session);
}

static void forget_success(struct check *check)
{
    const struct error_site *site = check->start_error != NULL ? error_site(check->start_error) : NULL;

    if (site == NULL || site->op == NULL || strcmp(site->op, wire_op_name(WIRE_OP_EXEC)) != 0 ||
            site->errnum != EACCES)
        return;
    error_free(check->start_error);
    check->start_error = NULL;
}

void check_rehearse(struct check *check)
{
    struct rehearsal rehearsal = { .check = check, .config = *check->config };
    struct lc_config *config = &rehearsal.config;
    CLEAN_FREE struct config_network *networks = calloc(config->n_networks + 1, sizeof(*networks));
    CLEAN_FREE struct config_mount *mounts = calloc(config->n_mounts + 1, sizeof(*mounts));
    CLEAN_FREE struct config_sysctl *sysctls = calloc(config->n_sysctls + 1, sizeof(*sysctls));
    char rootfs[PATH_MAX];

    if (networks == NULL || mounts == NULL || sysctls == NULL) {
        check->not_rehearsed = "out of memory";
        return;
    }
    memcpy(rootfs, check->container.rootfs, sizeof(rootfs));
    choose_networks(config, networks);
    choose_sysctls(config, sysctls);
    choose_mounts(config, mounts);
    config->cgroups.name = check->group;
    rehearsal.cover = any_missing(check, config);
    if (check_apart(run, &rehearsal) < 0)
        check->not_rehearsed = "no thread to do it on";
    memcpy(check->container.rootfs, rootfs, sizeof(rootfs));
    (void)check_undo(check, check->start_error == NULL ? &check->start_error : NULL);
    forget_success(check);
}

void check_start(struct check *check)
{
    const char *pointer = check->start_error != NULL ? error_site(check->start_error)->pointer : NULL;

    if (check->not_rehearsed != NULL)
        check_say(check, "start", check->unsupported == 0, "not rehearsed: %s", check->not_rehearsed);
    else if (check->start_error == NULL)
        check_say(check, "start", true, "rehearsed: every step up to the command");
    else if (check->start_told != NULL)
        check_say(check, "start", false, "the rehearsal ended at %s: see there", check->start_told);
    else
        check_fail(check, pointer != NULL ? pointer : "start", TAKE_POINTER(check->start_error));
}
