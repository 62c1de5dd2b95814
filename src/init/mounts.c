#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Opens (or makes) the place to mount on, of the wanted kind. */
static int open_target(struct init *init, const char *path, bool directory, bool no_symlinks)
{
    struct stat st;
    int fd = path_open(init->root, path, directory ? PATH_MAKE_DIRECTORY : PATH_MAKE_FILE, no_symlinks);

    if (fd == -ELOOP && no_symlinks)
        init_detail(
                init, "a symbolic link stands in the way, and this must be a real directory of the rootfs");
    if (fd < 0) {
        init_diagnose_path(init, init->root, path, -fd);
        return init_fail(init, "openat2", path, fd);
    }
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode) != directory) {
        (void)close(fd);
        init_detail(init, directory ? "the destination exists and is not a directory"
                                    : "the destination exists and is a directory, the source is not");
        return init_fail(init, "openat2", path, directory ? -ENOTDIR : -EISDIR);
    }
    return fd;
}

static int set_propagation(struct init *init, const char *destination, uint64_t propagation)
{
    int fd, r;

    if (propagation == 0)
        return 0;
    fd = path_open(init->root, destination, PATH_MUST_EXIST, false);
    if (fd < 0)
        return fd;
    r = sys_mount("", init_fd_path(fd).text, NULL, (unsigned long)propagation, NULL);
    (void)close(fd);
    return r;
}

int step_mount(struct init *init, const struct wire_op *op)
{
    const char *destination = init_text(init, op, 2), *type = init_text(init, op, 0);
    int target = open_target(init, destination, true, (op->number[1] & WIRE_MOUNT_NO_SYMLINKS) != 0), r;

    if (target < 0)
        return target;
    init_close(&init->dev);
    /* "/" is still the host's: sources and options such as lowerdir are its paths. */
    r = sys_mount(init_text(init, op, 1), init_fd_path(target).text, type, (unsigned long)op->number[0],
            init_text(init, op, 3));
    (void)close(target);
    if (r == -ENODEV) {
        init_detail(init, "the kernel has no file system type ");
        init_detail(init, type);
    }
    if (r == 0)
        r = set_propagation(init, destination, op->number[1] >> WIRE_MOUNT_PROPAGATION_SHIFT);
    return r < 0 ? init_fail(init, "mount", destination, r) : 0;
}

/* Old kernels: attach first, then remount by descriptor. */
static int bind_old(const struct bind_request *request)
{
    unsigned long recursive = (request->flags & WIRE_MOUNT_RECURSIVE) != 0 ? MS_REC : 0;

    return sys_mount(init_fd_path(request->source).text, init_fd_path(request->target).text, NULL,
            MS_BIND | recursive, NULL);
}

int init_bind(struct init *init, const struct bind_request *request)
{
    struct mount_attr attr = { .attr_set = request->set,
        .attr_clr = request->clear,
        .propagation = request->propagation & ~(uint64_t)MS_REC };
    bool wanted = request->set != 0 || request->clear != 0 || request->propagation != 0;
    bool recursive =
            (request->flags & WIRE_MOUNT_RECURSIVE_ATTR) != 0 || (request->propagation & MS_REC) != 0;
    int r = -ENOSYS, mounted;

    if (!init->old_mounts && wanted) {
        r = sys_mount_setattr(request->source, recursive ? AT_RECURSIVE : 0, &attr);
        if (r < 0 && r != -ENOSYS)
            return init_fail(init, "mount_setattr", request->destination, r);
    }
    if (r == 0)
        wanted = false;
    r = init->old_mounts ? bind_old(request) : sys_move_mount(request->source, request->target);
    if (r < 0)
        return init_fail(init, init->old_mounts ? "mount" : "move_mount", request->destination, r);
    if (!wanted)
        return 0;
    mounted = path_open(init->root, request->destination, PATH_MUST_EXIST, false);
    if (mounted < 0)
        return init_fail(init, "openat2", request->destination, mounted);
    r = init_old_attributes(init, mounted, request);
    if (r == 0 && request->propagation != 0)
        r = sys_mount("", init_fd_path(mounted).text, NULL, (unsigned long)request->propagation, NULL);
    (void)close(mounted);
    return r < 0 ? init_fail(init, "mount", request->destination, r) : 0;
}

int step_bind(struct init *init, const struct wire_op *op)
{
    struct bind_request request = { .source = init->slots[op->slot],
        .destination = init_text(init, op, 2),
        .set = op->number[0],
        .clear = op->number[1],
        .flags = op->number[2],
        .propagation = op->number[3] };
    struct stat st;
    int r;

    if (fstat(request.source, &st) < 0)
        return init_fail(init, "fstat", request.destination, -errno);
    request.target = open_target(
            init, request.destination, S_ISDIR(st.st_mode), (request.flags & WIRE_MOUNT_NO_SYMLINKS) != 0);
    if (request.target < 0)
        return request.target;
    init_close(&init->dev);
    r = init_bind(init, &request);
    (void)close(request.target);
    init_close(&init->slots[op->slot]);
    return r;
}

/* The host's own /dev/null, proved to be the device: the container's could be anything (CVE-2025-31133). */
static int open_null(struct init *init)
{
    struct stat st;

    if (init->null >= 0)
        return 0;
    init->null = openat(init->host_root, "dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (init->null < 0)
        return init_fail(init, "open", "the host's /dev/null", -errno);
    if (fstat(init->null, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
        init_detail(init, "it is not the null device (1:3)");
        return init_fail(init, "fstat", "the host's /dev/null", -ENODEV);
    }
    return 0;
}

static int mask_file(struct init *init, const char *path, int target)
{
    struct bind_request request = { .target = target, .destination = path };
    int r = open_null(init);

    if (r < 0)
        return r;
    request.source = init_source(init, init->null, "", false);
    if (request.source < 0)
        return init_fail(init, "open_tree", "the host's /dev/null", request.source);
    r = init_bind(init, &request);
    (void)close(request.source);
    return r;
}

/* All masked directories share one empty read-only tmpfs: one superblock, however many masks. */
static int mask_directory(struct init *init, const char *path, int target)
{
    struct bind_request request = { .target = target, .destination = path };
    int r;

    if (!init->masked_directory) {
        r = sys_mount("tmpfs", init_fd_path(target).text, "tmpfs",
                MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=2,mode=755");
        if (r < 0)
            return init_fail(init, "mount", path, r);
        init->masked_directory = true;
        init->mask_directory = path_open(init->root, path, PATH_MUST_EXIST, false);
        return init->mask_directory < 0 ? init_fail(init, "openat2", path, init->mask_directory) : 0;
    }
    request.source = init_source(init, init->mask_directory, "", false);
    if (request.source < 0)
        return init_fail(init, "open_tree", path, request.source);
    r = init_bind(init, &request);
    (void)close(request.source);
    return r;
}

/* The target of a mask; 1 when there is nothing there to hide. */
static int open_existing(struct init *init, const char *path, int *ret_fd)
{
    int fd = path_open(init->root, path, PATH_MUST_EXIST, false);

    if (fd == -ENOENT || fd == -ENOTDIR)
        return 1;
    if (fd < 0)
        return init_fail(init, "openat2", path, fd);
    *ret_fd = fd;
    return 0;
}

int step_mask(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    struct stat st;
    int target = -1, r = open_existing(init, path, &target);

    if (r != 0)
        return r < 0 ? r : 0;
    if (fstat(target, &st) < 0)
        r = init_fail(init, "fstat", path, -errno);
    else
        r = S_ISDIR(st.st_mode) ? mask_directory(init, path, target) : mask_file(init, path, target);
    (void)close(target);
    return r;
}

int step_readonly(struct init *init, const struct wire_op *op)
{
    struct bind_request request = { .destination = init_text(init, op, 0),
        .set = MOUNT_ATTR_RDONLY,
        .flags = WIRE_MOUNT_RECURSIVE | WIRE_MOUNT_RECURSIVE_ATTR };
    int r = open_existing(init, request.destination, &request.target);

    if (r != 0)
        return r < 0 ? r : 0;
    request.source = init_source(init, request.target, "", true);
    if (request.source < 0)
        r = init_fail(init, "open_tree", request.destination, request.source);
    else
        r = init_bind(init, &request);
    init_close(&request.source);
    (void)close(request.target);
    return r;
}
