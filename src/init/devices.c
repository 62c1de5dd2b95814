#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#define DEVPTS_SUPER_MAGIC 0x1cd1

/* Opens (or makes) the directory of `path`; *ret_name is the last component. Most are in /dev itself, which is ours alone
 * now and is opened once. */
static int open_parent(struct init *init, const char *path, bool follow, const char **ret_name)
{
    char directory[512];
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    int fd;

    if (slash == NULL || length >= sizeof(directory) || slash[1] == '\0')
        return init_fail(init, "path", path, -EINVAL);
    memcpy(directory, path, length);
    directory[length] = '\0';
    *ret_name = slash + 1;
    if (init->dev >= 0 && strcmp(directory, "/dev") == 0)
        return init->dev;
    fd = path_open(init->root, length > 0 ? directory : "/", PATH_MAKE_DIRECTORY, !follow);
    if (fd < 0)
        return init_fail(init, "openat2", directory, fd);
    if (strcmp(directory, "/dev") == 0)
        init->dev = fd;
    return fd;
}

static void close_parent(const struct init *init, int fd)
{
    if (fd != init->dev)
        (void)close(fd);
}

/* What stands there was made by an earlier op: the later one wins. */
static int make_node(int directory, const char *name, const struct wire_op *op)
{
    if (mknodat(directory, name, (mode_t)op->number[0], (dev_t)op->number[1]) == 0)
        return 0;
    if (errno != EEXIST || unlinkat(directory, name, 0) < 0)
        return -errno;
    return mknodat(directory, name, (mode_t)op->number[0], (dev_t)op->number[1]) < 0 ? -errno : 0;
}

int init_host_device(struct init *init, const char *path, mode_t type, dev_t device)
{
    struct stat st;
    int fd = openat(init->host_root, path + strspn(path, "/"), O_PATH | O_NOFOLLOW | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && ((st.st_mode & S_IFMT) != type || st.st_rdev != device))
        r = -ENODEV;
    if (r < 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

/* Takes the source over. */
static int bind_consumed(struct init *init, const char *path, int source)
{
    struct bind_request request = { .destination = path, .source = source };
    int r;

    request.target = source < 0 ? source : path_open(init->root, path, PATH_MAKE_FILE, false);
    r = request.target < 0 ? init_fail(init, source < 0 ? "open_tree" : "openat2", path, request.target)
                           : init_bind(init, &request);
    init_close(&request.source);
    init_close(&request.target);
    return r;
}

/* In a user namespace there are no new nodes; the host's own does as well, or else the parent has made one. */
static int bind_node(struct init *init, const char *path, const struct wire_op *op)
{
    int r, node;

    if (op->slot >= 0) {
        r = bind_consumed(init, path, init->slots[op->slot]);
        init->slots[op->slot] = -1;
        return r;
    }
    node = init_host_device(init, path, (mode_t)op->number[0] & S_IFMT, (dev_t)op->number[1]);
    if (node < 0) {
        init_detail(init, "a node cannot be made here, and the host has no such device at this path to bind");
        return init_fail(init, "mknodat", path, node == -ENODEV ? -EPERM : node);
    }
    r = bind_consumed(init, path, init_source(init, node, "", false));
    (void)close(node);
    return r;
}

/* In a tree that is not ours: a device that is there already is the one, and anything else is not ours to remove. 1: it
 * is bound, and belongs to the host. */
static int keep_node(
        struct init *init, int directory, const char *name, const char *path, const struct wire_op *op)
{
    mode_t mode = (mode_t)op->number[0];
    dev_t device = (dev_t)op->number[1];
    struct stat st;
    int r = mknodat(directory, name, mode, device) < 0 ? -errno : 0;

    if (r == -EPERM && !S_ISFIFO(mode)) {
        r = bind_node(init, path, op);
        return r < 0 ? r : 1;
    }
    if (r != -EEXIST)
        return r < 0 ? init_fail(init, "mknodat", path, r) : 0;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return init_fail(init, "fstatat", path, -errno);
    if ((st.st_mode & S_IFMT) == (mode & S_IFMT) && (S_ISFIFO(mode) || st.st_rdev == device))
        return 1;
    init_detail(init, "the root file system has something else there");
    return init_fail(init, "mknodat", path, r);
}

int step_device(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0), *name;
    bool keep = (op->number[0] & WIRE_KEEP) != 0;
    int directory = open_parent(init, path, keep, &name), r;

    if (directory < 0)
        return directory;
    r = keep ? keep_node(init, directory, name, path, op) : make_node(directory, name, op);
    if (r < 0)
        (void)init_fail(init, "mknodat", path, r);
    else if (r > 0)
        r = 0;
    else if ((op->number[2] | op->number[3]) != 0 &&
             fchownat(directory, name, (uid_t)op->number[2], (gid_t)op->number[3], AT_SYMLINK_NOFOLLOW) < 0)
        r = init_fail(init, "fchownat", path, -errno);
    close_parent(init, directory);
    return r;
}

int step_symlink(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 1), *name;
    bool keep = (op->number[0] & WIRE_KEEP) != 0;
    int directory = open_parent(init, path, keep, &name), r = 0;

    if (directory < 0)
        return directory;
    if (symlinkat(init_text(init, op, 0), directory, name) < 0 && (!keep || errno != EEXIST))
        r = init_fail(init, "symlinkat", path, -errno);
    close_parent(init, directory);
    return r;
}

/* A new pty of the devpts instance at /dev/pts, which in a running container may be anything by now: so every
 * object is proved to be what it should be before it is used. */
static int new_pty(struct init *init, int *ret_master, int *ret_slave)
{
    struct statfs fs;
    struct stat st;
    int unlock = 0, master, slave, pts = path_open(init->root, "/dev/pts", PATH_MUST_EXIST, true);

    if (pts == -ENOENT)
        init_detail(init, "a terminal is a pty of the devpts that is mounted there, and there is none");
    if (pts < 0)
        return init_fail(init, "openat2", "/dev/pts", pts);
    if (fstatfs(pts, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC) {
        (void)close(pts);
        init_detail(init, "it is not a devpts file system");
        return init_fail(init, "fstatfs", "/dev/pts", -ENOTTY);
    }
    master = openat(pts, "ptmx", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    (void)close(pts);
    if (master < 0)
        return init_fail(init, "openat", "/dev/pts/ptmx", -errno);
    if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
            fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC) {
        (void)close(master);
        init_detail(init, "it is not the pty multiplexer (5:2) of a devpts file system");
        return init_fail(init, "fstat", "/dev/pts/ptmx", -ENOTTY);
    }
    slave = ioctl(master, TIOCSPTLCK, &unlock) < 0
                    ? -1
                    : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        int r = -errno;

        (void)close(master);
        return init_fail(init, "ioctl", "TIOCGPTPEER", r);
    }
    *ret_master = master;
    *ret_slave = slave;
    return 0;
}

/* The slave on top of /dev/console. A plain file of our tmpfs is the mount point. */
static int bind_console(struct init *init)
{
    struct bind_request request = { .destination = "/dev/console" };
    int r;

    request.target = path_open(init->root, request.destination, PATH_MAKE_FILE, true);
    if (request.target < 0)
        return init_fail(init, "openat2", request.destination, request.target);
    request.source = init_source(init, init->console, "", false);
    r = request.source < 0 ? init_fail(init, "open_tree", request.destination, request.source)
                           : init_bind(init, &request);
    init_close(&request.source);
    (void)close(request.target);
    return r;
}

int step_console(struct init *init, const struct wire_op *op)
{
    struct wire_message message = { .type = WIRE_CONSOLE };
    int master = -1, r;

    if (op->slot >= 0) {
        init->console = init->slots[op->slot];
        init->slots[op->slot] = -1;
    } else {
        r = new_pty(init, &master, &init->console);
        if (r < 0)
            return r;
        if (op->number[1] != 0) {
            struct winsize size = { .ws_row = (unsigned short)(op->number[1] >> 16),
                .ws_col = (unsigned short)op->number[1] };

            (void)ioctl(master, TIOCSWINSZ, &size);
        }
        r = wire_send(WIRE_FD_SOCKET, &message, master);
        (void)close(master);
        if (r < 0)
            return init_fail(init, "sendmsg", "console", r);
    }
    return op->number[0] != 0 ? bind_console(init) : 0;
}
