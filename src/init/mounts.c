#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define PROC_SUPER_MAGIC 0x9fa0

/* Opens (or makes) the place to mount on, of the wanted kind. */
static int open_target(struct init *init, const char *path, bool directory, bool no_symlinks)
{
    struct stat st;
    int fd = path_open(init->root, path, directory ? PATH_MAKE_DIRECTORY : PATH_MAKE_FILE, no_symlinks);

    if (fd == -ELOOP && no_symlinks)
        init_detail(init, "a symbolic link stands in the way: this must be mounted on ordinary directory");
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

/* From the lowest bit: MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED. */
int init_propagation(int mounted, uint64_t propagation)
{
    uint64_t recursive = propagation & MS_REC;
    int r = 0;

    for (propagation &= ~recursive; r == 0 && propagation != 0; propagation &= propagation - 1)
        r = sys_mount("", init_fd_path(mounted).text, NULL,
                (unsigned long)((propagation & -propagation) | recursive), NULL);
    return r;
}

static int set_propagation(struct init *init, const char *destination, uint64_t propagation)
{
    int fd, r;

    if (propagation == 0)
        return 0;
    fd = path_open(init->root, destination, PATH_MUST_EXIST, false);
    if (fd < 0)
        return fd;
    r = init_propagation(fd, propagation);
    (void)close(fd);
    return r;
}

/* A user could fake what programs believe: so nothing is mounted on a procfs, by whatever name it was reached. */
static int guard_proc(struct init *init, int target, const char *path)
{
    struct statfs fs;

    if (fstatfs(target, &fs) < 0)
        return init_fail(init, "fstatfs", path, -errno);
    if (fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    init_detail(init, "this leads to a proc file system, where nothing may be mounted");
    return init_fail(init, "mount", path, -EACCES);
}

/* "mode=0755," before the options that were given, which so win. */
static const char *with_mode(mode_t mode, const char *data)
{
    static char text[4096];

    (void)text_copy(text, sizeof(text), "mode=");
    text_append_number(text, sizeof(text), mode & 07777, 8);
    if (data != NULL && strlen(data) + strlen(text) + 2 <= sizeof(text)) {
        (void)text_append(text, sizeof(text), ",");
        (void)text_append(text, sizeof(text), data);
    }
    return text;
}

/* The usual reasons that the kernel does not give. */
static void explain_mount(struct init *init, const char *type, const char *data, int r)
{
    if (r == -ENODEV) {
        init_detail(init, "the kernel has no file system type ");
        init_detail(init, type);
    }
    if (r == -EINVAL && data != NULL && (strstr(data, "gid=") != NULL || strstr(data, "uid=") != NULL)) {
        init_detail(init, "is the id in these options mapped in the user namespace? ");
        init_detail(init, data);
    }
}

/* The tmpfs that was mounted last holds nothing yet but what we put in: there a new name is a plain directory, without a walk.
 * Negative when `path` does not lie directly in it, or is there already. */
static int make_in_fresh(struct init *init, const char *path, const char **ret_name)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;

    if (init->fresh == NULL || length == 0 || strlen(init->fresh) != length ||
            memcmp(init->fresh, path, length) != 0)
        return -ENOENT;
    if (init->fresh_fd < 0)
        init->fresh_fd = path_open(init->root, init->fresh, PATH_MUST_EXIST, false);
    if (init->fresh_fd < 0 || mkdirat(init->fresh_fd, slash + 1, 0755) < 0)
        return -ENOENT;
    *ret_name = slash + 1;
    return init->fresh_fd;
}

/* Something is mounted elsewhere: on top of it, perhaps. */
static void leave_fresh(struct init *init, const char *path)
{
    init->fresh = path;
    init_close(&init->fresh_fd);
}

static int open_in_fresh(struct init *init, const char *path)
{
    const char *name = NULL;
    int directory = make_in_fresh(init, path, &name), fd;

    if (directory < 0)
        return directory;
    fd = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* What is there already, before the mount point is made where there is nothing. */
static int open_below(struct init *init, const struct wire_op *op, struct stat *ret_st)
{
    int fd = path_open(init->root, init_text(init, op, 2), PATH_MUST_EXIST,
            (op->number[1] & WIRE_MOUNT_NO_SYMLINKS) != 0);

    if (fd >= 0 && fstat(fd, ret_st) < 0)
        init_close(&fd);
    return fd;
}

int step_mount(struct init *init, const struct wire_op *op)
{
    const char *destination = init_text(init, op, 2), *type = init_text(init, op, 0);
    const char *data = init_text(init, op, 3);
    struct stat st;
    int target, r = 0, below = -1;

    if ((op->number[1] & WIRE_MOUNT_REMOUNT) != 0)
        return init_remount(init, op);
    if ((op->number[1] & (WIRE_MOUNT_KEEP_MODE | WIRE_MOUNT_COPY_UP)) != 0)
        below = open_below(init, op, &st);
    target = open_in_fresh(init, destination);
    if (target < 0) {
        leave_fresh(init, strcmp(type, "tmpfs") == 0 && !init->old_mounts ? destination : NULL);
        target = open_target(init, destination, true, (op->number[1] & WIRE_MOUNT_NO_SYMLINKS) != 0);
        if (target >= 0 && (op->number[1] & WIRE_MOUNT_GUARD_PROC) != 0)
            r = guard_proc(init, target, destination);
    }
    if (target < 0 || r < 0) {
        init_close(&target);
        init_close(&below);
        return r < 0 ? r : target;
    }
    init_close(&init->dev);
    if (below >= 0)
        data = with_mode(st.st_mode, data);
    /* "/" is still the host's: sources and options such as lowerdir are its paths. */
    r = sys_mount(
            init_text(init, op, 1), init_fd_path(target).text, type, (unsigned long)op->number[0], data);
    (void)close(target);
    explain_mount(init, type, data, r);
    if (r == 0 && below >= 0 && (op->number[1] & WIRE_MOUNT_COPY_UP) != 0)
        r = init_copy_up(init, below, destination, init_text(init, op, 3));
    if (r == 0)
        r = set_propagation(init, destination, op->number[1] >> WIRE_MOUNT_PROPAGATION_SHIFT);
    init_close(&below);
    return r < 0 ? init_fail(init, "mount", destination, r) : 0;
}

/* Old kernels: attach first, then remount by descriptor. */
static int bind_old(const struct bind_request *request)
{
    unsigned long recursive = (request->flags & WIRE_MOUNT_RECURSIVE) != 0 ? MS_REC : 0;

    return sys_mount(init_fd_path(request->source).text, init_fd_path(request->target).text, NULL,
            MS_BIND | recursive, NULL);
}

/* "these are locked here: ro nosuid" */
static void name_locked(struct init *init, int mounted, uint64_t clear)
{
    static const struct {
        uint64_t attr;
        unsigned long statfs;
        const char *name;
    } rows[] = {
        { MOUNT_ATTR_RDONLY, 0x0001, " ro" },
        { MOUNT_ATTR_NOSUID, 0x0002, " nosuid" },
        { MOUNT_ATTR_NODEV, 0x0004, " nodev" },
        { MOUNT_ATTR_NOEXEC, 0x0008, " noexec" },
        { MOUNT_ATTR__ATIME, 0x1400, " atime" },
    };
    struct statfs fs;

    if (clear == 0 || fstatfs(mounted, &fs) < 0)
        return;
    init_detail(init, "the options of the source that are locked, and cannot be taken away, are among:");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((clear & rows[i].attr) != 0 && ((unsigned long)fs.f_flags & rows[i].statfs) != 0)
            init_detail(init, rows[i].name);
}

static int apply_attributes(struct init *init, const struct bind_request *request)
{
    struct mount_attr attr = { .attr_set = request->set, .attr_clr = request->clear };
    bool recursive_attr = (request->flags & WIRE_MOUNT_RECURSIVE_ATTR) != 0;
    bool recursive = (request->propagation & MS_REC) != 0;
    uint64_t kind = request->propagation & ~(uint64_t)MS_REC;
    int r = 0;

    /* In one call where one will do. */
    if ((kind & (kind - 1)) == 0 && ((attr.attr_set | attr.attr_clr) == 0 || recursive_attr == recursive)) {
        attr.propagation = kind;
        kind = 0;
    } else {
        recursive = recursive_attr;
    }
    if (kind == 0 || (attr.attr_set | attr.attr_clr) != 0)
        r = sys_mount_setattr(request->source, recursive || recursive_attr ? AT_RECURSIVE : 0, &attr);
    for (; r == 0 && kind != 0; kind &= kind - 1) {
        attr = (struct mount_attr){ .propagation = kind & -kind };
        r = sys_mount_setattr(
                request->source, (request->propagation & MS_REC) != 0 ? AT_RECURSIVE : 0, &attr);
    }
    if (r == -EPERM)
        name_locked(init, request->source, request->clear);
    return r;
}

int init_bind(struct init *init, const struct bind_request *request)
{
    bool wanted = request->set != 0 || request->clear != 0 || request->propagation != 0;
    int r = -ENOSYS, mounted;

    if (!init->old_mounts && wanted) {
        r = apply_attributes(init, request);
        if (r < 0 && r != -ENOSYS)
            return init_fail(init, "mount_setattr", request->destination, r);
    }
    if (r == 0)
        wanted = false;
    r = init->old_mounts ? bind_old(request)
                         : sys_move_mount(request->source, request->target, request->name);
    if (r < 0)
        return init_fail(init, init->old_mounts ? "mount" : "move_mount", request->destination, r);
    if (!wanted)
        return 0;
    mounted = path_open(init->root, request->destination, PATH_MUST_EXIST, false);
    if (mounted < 0)
        return init_fail(init, "openat2", request->destination, mounted);
    r = init_old_attributes(init, mounted, request);
    if (r == -EPERM)
        name_locked(init, mounted, request->clear);
    if (r == 0)
        r = init_propagation(mounted, request->propagation);
    (void)close(mounted);
    return r < 0 ? init_fail(init, "mount", request->destination, r) : 0;
}

/* Bound on /proc itself: the source must be a procfs, whole. */
static int check_bind(struct init *init, const struct bind_request *request, const struct stat *st)
{
    struct statfs fs;

    if ((request->flags & WIRE_MOUNT_FROM_PROC) != 0) {
        if (fstatfs(request->source, &fs) < 0)
            return init_fail(init, "fstatfs", request->destination, -errno);
        if (fs.f_type != PROC_SUPER_MAGIC || st->st_ino != 1) {
            init_detail(init, "only a proc file system can be mounted here");
            return init_fail(init, "mount", request->destination, -EPERM);
        }
    } else if ((request->flags & WIRE_MOUNT_GUARD_PROC) != 0) {
        return guard_proc(init, request->target, request->destination);
    }
    return 0;
}

static int copy_source(struct init *init, const struct wire_op *op, struct bind_request *request)
{
    int tree;

    if (!init->uncopied[op->slot])
        return 0;
    tree = init_source(init, request->source, "", (request->flags & WIRE_MOUNT_RECURSIVE) != 0);
    if (tree < 0)
        return init_fail(init, "open_tree", init_text(init, op, 1), tree);
    (void)close(request->source);
    init->uncopied[op->slot] = false;
    init->slots[op->slot] = request->source = tree;
    return 0;
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

    r = copy_source(init, op, &request);
    if (r < 0)
        return r;
    if (fstat(request.source, &st) < 0)
        return init_fail(init, "fstat", request.destination, -errno);
    request.target = S_ISDIR(st.st_mode) && (request.flags & WIRE_MOUNT_FROM_PROC) == 0
                             ? make_in_fresh(init, request.destination, &request.name)
                             : -ENOENT;
    if (request.target >= 0) {
        r = init_bind(init, &request);
        init_close(&init->slots[op->slot]);
        return r;
    }
    leave_fresh(init, NULL);
    request.target = open_target(
            init, request.destination, S_ISDIR(st.st_mode), (request.flags & WIRE_MOUNT_NO_SYMLINKS) != 0);
    if (request.target < 0)
        return request.target;
    init_close(&init->dev);
    r = check_bind(init, &request, &st);
    if (r == 0)
        r = init_bind(init, &request);
    (void)close(request.target);
    init_close(&init->slots[op->slot]);
    return r;
}

/* The host's own /dev/null, proved to be the device: the container's could be anything (CVE-2025-31133). */
static int open_null(struct init *init)
{
    if (init->null >= 0)
        return 0;
    init->null = init_host_device(init, "dev/null", S_IFCHR, makedev(1, 3));
    if (init->null == -ENODEV)
        init_detail(init, "it is not the null device (1:3)");
    return init->null < 0 ? init_fail(init, "open", "the host's /dev/null", init->null) : 0;
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

    leave_fresh(init, NULL);
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
