/* A container without a mount namespace of its own: what it mounts lies in the caller's, below a copy of its rootfs, and goes
 * with that. The copy is known by its mount id, which is recorded before it is anywhere to be seen. */
#include "container.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* 0: not known. */
static unsigned long long mount_id(int fd)
{
    char path[48], text[512];
    CLEAN_FD int info = -EBADF;
    const char *found;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    info = open(path, O_RDONLY | O_CLOEXEC);
    n = info >= 0 ? read(info, text, sizeof(text) - 1) : -1;
    if (n < 0)
        return 0;
    text[n] = '\0';
    found = strstr(text, "mnt_id:");
    return found != NULL ? strtoull(found + strlen("mnt_id:"), NULL, 10) : 0;
}

int inherited_root_copy(struct container *container, struct lc_error **err)
{
    struct error_site site = { .stage = "create",
        .op = "root",
        .syscall = "open_tree",
        .object = container->rootfs,
        .hint = "add {\"type\": \"mount\"} to linux.namespaces" };
    CLEAN_FD int tree =
            sys_open_tree(AT_FDCWD, container->rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

    if (tree < 0) {
        site.errnum = -tree;
        return error_raise(err, &site, NULL);
    }
    container->record.oci.root_mount = mount_id(tree);
    if (container->record.oci.root_mount != 0)
        return fd_take(&tree);
    site.syscall = NULL;
    site.errnum = EOPNOTSUPP;
    return error_raise(err, &site, "/proc does not say which mount the root file system is");
}

int inherited_root_remove(const struct container *container, struct lc_error **err)
{
    const struct record_oci *oci = &container->record.oci;
    CLEAN_FD int root = -EBADF;
    char path[48];
    int r;

    if (oci->root_mount == 0)
        return 0;
    root = open(oci->rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0 || mount_id(root) != oci->root_mount)
        return 0; /* never attached, or taken away already */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
    r = sys_umount(path, LCSYS_MNT_DETACH);
    return r == 0 ? 0
                  : error_raise(err,
                            &(struct error_site){ .stage = "cleanup",
                                    .syscall = "umount2",
                                    .object = oci->rootfs,
                                    .errnum = -r },
                            NULL);
}
