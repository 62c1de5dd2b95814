#include "init.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int init_source(struct init *init, int at, const char *path, bool recursive)
{
    unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
                         (path[0] == '\0' ? AT_EMPTY_PATH : 0);
    int fd = init->old_mounts ? -ENOSYS : sys_open_tree(at, path, flags);

    if (fd != -ENOSYS)
        return fd;
    init->old_mounts = true;
    fd = path[0] == '\0' ? fcntl(at, F_DUPFD_CLOEXEC, 0) : openat(at, path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* The container's root will lie on it: a copy of all that is below is taken before. */
static bool is_host_root(const struct init *init, int fd)
{
    struct stat root, st;

    return fstat(init->host_root, &root) < 0 || fstat(fd, &st) < 0 ||
           (root.st_dev == st.st_dev && root.st_ino == st.st_ino);
}

/* mountinfo lists mounts by their age, and config.json's are to be found in its order. */
static int open_source(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    bool recursive = op->number[0] != 0, *uncopied = &init->uncopied[op->number[1]];
    int fd = op->number[2] != 0 && !init->old_mounts ? sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLOEXEC)
                                                     : -ENOSYS;

    *uncopied = fd >= 0 && !(recursive && is_host_root(init, fd));
    if (fd == -ENOSYS || (fd >= 0 && !*uncopied)) {
        init_close(&fd);
        fd = init_source(init, AT_FDCWD, path, recursive);
    }
    return fd;
}

int step_source(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    int fd = open_source(init, op);

    if (fd < 0) {
        init_diagnose_path(init, AT_FDCWD, path, -fd);
        return init_fail(init, init->old_mounts ? "open" : "open_tree", path, fd);
    }
    init->slots[op->number[1]] = fd;
    return 0;
}

int step_tree(struct init *init, const struct wire_op *op)
{
    struct wire_message message = { .type = WIRE_TREE };
    int fd = -1, r = op->number[2] != 0 ? wire_send(init->socket, &message, -1) : 0;

    if (r < 0)
        return init_fail(init, "sendmsg", "TREE", r);
    r = wire_receive(init->socket, &message, &fd);
    if (r > 0)
        _exit(1);
    if (r == 0 && (message.type != WIRE_TREE || fd < 0))
        r = -EPROTO;
    if (r < 0)
        return init_fail(init, "recvmsg", "TREE", r);
    init->slots[op->number[1]] = fd;
    return 0;
}

static int bind_rootfs_old(const char *path)
{
    int r = sys_mount(path, path, NULL, MS_BIND | MS_REC, NULL);

    if (r == 0)
        r = sys_mount("", path, NULL, MS_PRIVATE | MS_REC, NULL);
    if (r < 0)
        return r;
    r = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r < 0 ? -errno : r;
}

/* On top of the host's "/" in a private mount namespace; in the caller's, the rootfs stays where it is. */
static int move_rootfs(struct init *init, const char *path, int tree, bool inherited)
{
    int at = inherited ? openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : init->host_root, r;

    if (at < 0)
        return init_fail(init, "open", path, -errno);
    r = sys_move_mount(tree, at, NULL);
    if (inherited)
        (void)close(at);
    return r < 0 ? init_fail(init, "move_mount", path, r) : 0;
}

/* Puts a copy of the rootfs where there is a mount to pivot into, or to mount upon; returns an fd of its root. The tree comes
 * from the parent when only he may reach it, or is to take it away in the end. */
static int attach_rootfs(struct init *init, const char *path, int given, bool inherited)
{
    /* As a slave it still gets what the host mounts below it; as private, as a rule, not. */
    struct mount_attr private_tree = { .propagation = (init->root_propagation & MS_SLAVE) != 0 ? MS_SLAVE
                                                                                               : MS_PRIVATE };
    int tree = given >= 0 ? given : init_source(init, AT_FDCWD, path, true), r;
    bool made_private;

    if (tree < 0) {
        init_diagnose_path(init, AT_FDCWD, path, -tree);
        return init_fail(init, "open_tree", path, tree);
    }
    if (init->old_mounts) {
        (void)close(tree);
        if ((init->root_propagation & MS_SHARED) != 0 || inherited) {
            init_detail(init, inherited ? "mounts without a mount namespace need Linux 5.2"
                                        : "a shared root needs Linux 5.2: with less, its mount point would "
                                          "reach the host");
            return init_fail(init, "open_tree", path, -EOPNOTSUPP);
        }
        tree = bind_rootfs_old(path);
        return tree < 0 ? init_fail(init, "mount", path, tree) : tree;
    }
    r = sys_mount_setattr(tree, AT_RECURSIVE, &private_tree);
    if (r < 0 && r != -ENOSYS)
        return init_fail(init, "mount_setattr", path, r);
    made_private = r == 0 && !inherited; /* below a shared mount it has become shared again */
    r = move_rootfs(init, path, tree, inherited);
    if (r < 0)
        return r;
    if (!made_private) {
        if (fchdir(tree) < 0)
            return init_fail(init, "fchdir", path, -errno);
        r = sys_mount("", ".", NULL, (unsigned long)private_tree.propagation | MS_REC, NULL);
    }
    return r < 0 ? init_fail(init, "mount", path, r) : tree;
}

int step_rootfs(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);

    init->root_propagation = op->number[0];
    /* One answer for all later steps: are detached trees to be had, whole? */
    if (!init->old_mounts && sys_move_mount(-1, -1, NULL) == -ENOSYS)
        init->old_mounts = true;
    init->root = attach_rootfs(init, path, op->slot >= 0 ? init->slots[op->slot] : -1, op->number[1] != 0);
    if (init->root < 0)
        return init->root;
    if (faccessat(init->root, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 && errno == EACCES) {
        init_diagnose_path(init, init->root, ".", EACCES);
        return init_fail(init, "access", path, -EACCES);
    }
    /* From here on container paths are looked up below init->root only, and "/" is still the host's: not before
     * the very end, because after pivot_root the old root lies on top of the new one, and ".." at the root leads up
     * into it. */
    return fchdir(init->host_root) < 0 ? init_fail(init, "fchdir", "/", -errno) : 0;
}

int step_root_attributes(struct init *init, const struct wire_op *op)
{
    struct mount_attr attr = { .attr_set = op->number[0] };
    struct bind_request request = { .set = op->number[0], .destination = "/" };
    int r = sys_mount_setattr(init->root, 0, &attr);

    if (r == -ENOSYS)
        r = init_old_attributes(init, init->root, &request);
    return r < 0 ? init_fail(init, "mount_setattr", "/", r) : 0;
}

static int pivot(struct init *init)
{
    int r = sys_pivot_root(".", ".");

    if (r < 0)
        return init_fail(init, "pivot_root", "/", r);
    /* The old root now covers the new one; it goes before anything is looked up again. */
    if (fchdir(init->host_root) < 0)
        return init_fail(init, "fchdir", "old root", -errno);
    /* Where the host's mounts are still shared with it, it must not lose them with us. */
    if ((init->root_propagation & MS_SHARED) != 0)
        r = sys_mount("", ".", NULL, MS_SLAVE | MS_REC, NULL);
    if (r < 0)
        return init_fail(init, "mount", "old root", r);
    r = sys_umount(".", LCSYS_MNT_DETACH);
    return r < 0 ? init_fail(init, "umount2", "old root", r) : 0;
}

/* For a root on ramfs, which cannot be pivoted away from. Detached trees were attached to "/" at once; else move. */
static int move_root(struct init *init)
{
    int r = init_hide_host(init);

    if (r < 0)
        return init_fail(init, "mountinfo", "/", r);
    r = init->old_mounts ? sys_mount(".", "/", NULL, MS_MOVE, NULL) : 0;
    if (r < 0)
        return init_fail(init, "mount", "MS_MOVE to /", r);
    return chroot(".") < 0 ? init_fail(init, "chroot", ".", -errno) : 0;
}

/* Not before: a shared mount cannot be pivoted into, and what is done to it before would show on the host. A slave was made
 * one when it was attached, and private is what it is. */
static int set_root_propagation(struct init *init)
{
    uint64_t propagation = init->root_propagation & ~(uint64_t)(MS_PRIVATE | MS_SLAVE);
    int r = (propagation & ~(uint64_t)MS_REC) != 0
                    ? sys_mount("", "/", NULL, (unsigned long)propagation, NULL)
                    : 0;

    return r < 0 ? init_fail(init, "mount", "/", r) : 0;
}

int step_detach_host(struct init *init, const struct wire_op *op)
{
    int r = 0;

    /* Without a root of its own (join, or no mount namespace) there is only something to let go of. */
    if (op->number[0] != 0) {
        if (fchdir(init->root) < 0)
            return init_fail(init, "fchdir", "/", -errno);
        r = op->number[1] != 0 ? move_root(init) : pivot(init);
    }
    if (r < 0)
        return r;
    init_close(&init->host_root);
    init_close(&init->null);
    init_close(&init->mask_directory);
    init_close(&init->dev);
    init_close(&init->fresh_fd);
    if (chdir("/") < 0)
        return init_fail(init, "chdir", "/", -errno);
    return op->number[0] != 0 ? set_root_propagation(init) : 0;
}

int step_chroot(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    bool mounted = init->root >= 0;

    if (mounted ? fchdir(init->root) < 0 : chdir(path) < 0) {
        int r = -errno;

        init_diagnose_path(init, AT_FDCWD, path, -r);
        return init_fail(init, "chdir", path, r);
    }
    if (chroot(".") < 0)
        return init_fail(init, "chroot", path, -errno);
    if (mounted)
        return 0;
    init->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return init->root < 0 ? init_fail(init, "open", "/", -errno) : 0;
}
