/* Mount trees for a child in a user namespace: the rootfs and the sources of binds. The kernel locks read-only, nosuid, nodev and
 * noexec of a mount when a mount namespace is copied for a less privileged owner, and what is cloned from that copy stays locked.
 * A clone of the host's own mount, handed in, carries no lock, and root inside could lift them. So the trees are cloned from the
 * child's copy; by us, who reach what the child may not, and may map ids. */
#include "container.h"
#include "idmap.h"

#include <base/util.h>
#include <lcsys/aside.h>
#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

struct visit {
    int namespace, root; /* the child's mount namespace, and "/" in it */
    const struct plan_given *trees;
    size_t count;
    int *fds; /* out: descriptors, or -errno */
};

__attribute__((no_sanitize("address", "undefined"))) static long clone_trees(void *data)
{
    static const char here[] = ".";
    struct visit *visit = data;
    long r = sys_raw(SYS_setns, visit->namespace, CLONE_NEWNS, 0, 0, 0);

    /* setns goes to the root of the namespace, which need not be the caller's. */
    if (r == 0)
        r = sys_raw(SYS_fchdir, visit->root, 0, 0, 0, 0);
    if (r == 0)
        r = sys_raw(SYS_chroot, (long)here, 0, 0, 0, 0);
    for (size_t i = 0; r == 0 && i < visit->count; i++)
        visit->fds[i] = (int)sys_raw(SYS_open_tree, AT_FDCWD, (long)visit->trees[i].path,
                OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (visit->trees[i].flat ? 0 : AT_RECURSIVE), 0, 0);
    return r;
}

static int fail(const struct plan_given *tree, const char *call, const char *object, int errnum,
        const char *hint, struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "acquire",
                    .errnum = errnum,
                    .syscall = call,
                    .object = object,
                    .hint = hint,
                    .pointer = tree != NULL && tree->pointer[0] != '\0' ? tree->pointer : NULL },
            NULL);
}

static int open_of(pid_t pid, const char *name, int flags)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = openat(AT_FDCWD, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int enter_and_clone(struct session *session, int *fds, struct lc_error **err)
{
    CLEAN_FD int namespace = open_of(session->pid, "ns/mnt", O_RDONLY);
    CLEAN_FD int root = open_of(session->pid, "root", O_PATH | O_DIRECTORY);
    struct visit visit = { namespace, root, session->plan->trees, session->plan->n_trees, fds };
    long r = namespace < 0 ? namespace : root;

    if (r == -ENOENT || r == -ESRCH)
        return session_until(session, WIRE_READY, err); /* gone already: it says why */
    if (r < 0)
        return fail(NULL, "open", "the mount namespace of the new process", (int)-r, NULL, err);
    r = sys_aside(clone_trees, &visit);
    return r < 0 ? fail(NULL, "setns", "the mount namespace of the new process", (int)-r, NULL, err) : 0;
}

/* What is mounted below the source hides something, and the kernel does not uncover it in a copy for a user namespace. The
 * host's own mount has nothing to hide: it can be handed in where nothing would have to be locked. */
static int clone_uncovered(const struct plan_given *tree)
{
    const struct mount_attr slave = { .propagation = MS_SLAVE };
    CLEAN_FD int fd = sys_open_tree(AT_FDCWD, tree->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct statfs fs;
    int r;

    if (fd < 0)
        return fd;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    if ((fs.f_flags & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC)) != 0)
        return -EINVAL;
    r = sys_mount_setattr(fd, 0, &slave);
    return r < 0 ? r : fd_take(&fd);
}

static int take_one(struct session *session, size_t i, int *fd, struct lc_error **err)
{
    const struct plan_given *tree = &session->plan->trees[i];
    struct wire_message message = { .type = WIRE_TREE };
    int r = 0;

    if (*fd == -EINVAL && tree->flat && !session->plan->tells_trees)
        *fd = clone_uncovered(tree);
    if (*fd < 0)
        return fail(tree, "open_tree", tree->path, -*fd,
                *fd == -EINVAL && tree->flat
                        ? "other mounts lie below it, and it has options that must not be "
                          "lifted in a user namespace: bind it recursively (rbind)"
                        : NULL,
                err);
    if (tree->idmap)
        r = idmap_mount(*fd, session->plan->config, tree, err);
    if (r < 0)
        return r;
    /* A child that has died says why itself, later. */
    r = wire_send(session->socket, &message, *fd);
    return r == 0 || r == -EPIPE || r == -ECONNRESET ? 0 : fail(tree, "sendmsg", tree->path, -r, NULL, err);
}

int trees_send(struct session *session, struct lc_error **err)
{
    size_t count = session->plan->n_trees;
    CLEAN_FREE int *fds = NULL;
    int r = 0;

    if (count == 0)
        return 0;
    if (session->plan->tells_trees && !session->in_place)
        r = session_until(session, WIRE_TREE, err);
    if (r < 0)
        return r;
    fds = malloc(count * sizeof(*fds));
    if (fds == NULL)
        return fail(NULL, "malloc", NULL, ENOMEM, NULL, err);
    for (size_t i = 0; i < count; i++)
        fds[i] = -EBADF;
    r = enter_and_clone(session, fds, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = take_one(session, i, &fds[i], err);
        fd_close(&fds[i]);
    }
    given_close(fds, count);
    return r;
}
