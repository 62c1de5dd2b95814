/* Mount points in a rootfs that belongs to ids outside of the user namespace: the child may not make them, so we do, by
 * descriptor below the rootfs, before it starts. */
#include "container.h"

#include <base/util.h>
#include <lcsys/path.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void make_target(int rootfs, const char *path, enum path_missing kind)
{
    int fd = path_open(rootfs, path, kind, false);

    /* A failure here is not the last word: the child tries as well, and says what is wrong. */
    fd_close(&fd);
}

/* Under a mount that comes first the place is made in that, by the child. */
static bool is_covered(const struct lc_config *config, size_t index)
{
    const char *destination = config->mounts[index].destination;

    if (!config->from_oci)
        return strncmp(destination, "/dev/", 5) == 0; /* on our own tmpfs */
    for (size_t i = 0; i < index; i++) {
        size_t length = strlen(config->mounts[i].destination);

        if (strncmp(destination, config->mounts[i].destination, length) == 0 &&
                (destination[length] == '/' || destination[length] == '\0'))
            return true;
    }
    return false;
}

static bool is_file(const struct container *container, const struct config_mount *mount)
{
    CLEAN_FD int bundle = -EBADF;
    struct stat st;

    if (mount->type == NULL || strcmp(mount->type, "bind") != 0 || mount->source == NULL)
        return false;
    if (mount->source[0] != '/') /* it begins in the bundle */
        bundle = openat(AT_FDCWD, container->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fstatat(bundle, mount->source, &st, 0) == 0 && !S_ISDIR(st.st_mode);
}

/* Devices where nothing is mounted: the child cannot make nodes, and binds the host's on these. */
static void make_nodes(int rootfs, const struct lc_config *config)
{
    static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
        "/dev/tty", "/dev/console" };

    for (size_t i = 0; i < config->n_mounts; i++)
        if (strcmp(config->mounts[i].destination, "/dev") == 0)
            return;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        make_target(rootfs, nodes[i], PATH_MAKE_FILE);
    for (size_t i = 0; i < config->n_devices; i++)
        make_target(rootfs, config->devices[i].path, PATH_MAKE_FILE);
}

int targets_make(const struct container *container, const struct lc_config *config, struct lc_error **err)
{
    static const char *const always[] = { "/proc", "/sys", "/dev" };
    CLEAN_FD int rootfs = openat(AT_FDCWD, container->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (rootfs < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "create",
                        .op = "rootfs",
                        .syscall = "open",
                        .object = container->rootfs,
                        .errnum = errno },
                NULL);
    for (size_t i = 0; !config->from_oci && i < ARRAY_SIZE(always); i++)
        make_target(rootfs, always[i], PATH_MAKE_DIRECTORY);
    for (size_t i = 0; i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];

        if (is_covered(config, i) || mount->remount)
            continue;
        make_target(
                rootfs, mount->destination, is_file(container, mount) ? PATH_MAKE_FILE : PATH_MAKE_DIRECTORY);
    }
    if (config->from_oci)
        make_nodes(rootfs, config);
    return 0;
}
