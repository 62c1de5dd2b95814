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
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        make_target(rootfs, always[i], PATH_MAKE_DIRECTORY);
    for (size_t i = 0; i < config->n_mounts; i++) {
        const struct config_mount *mount = &config->mounts[i];
        bool file = false;
        struct stat st;

        if (strncmp(mount->destination, "/dev/", 5) == 0)
            continue; /* on our own tmpfs */
        if (strcmp(mount->type, "bind") == 0)
            file = stat(mount->source, &st) == 0 && !S_ISDIR(st.st_mode);
        make_target(rootfs, mount->destination, file ? PATH_MAKE_FILE : PATH_MAKE_DIRECTORY);
    }
    return 0;
}
