#include "container.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* 0, or -errno of the first thing that is missing. */
static int open_ends(struct spawn *spawn, int *ret_null, int pipes[2], struct lc_error **err)
{
    spawn->image_fd = image_open(err);
    if (spawn->image_fd < 0)
        return spawn->image_fd;
    *ret_null = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
    if (*ret_null < 0 || pipe2(pipes, O_CLOEXEC) < 0)
        return error_raise(
                err, &(struct error_site){ .stage = "guard", .syscall = "pipe2", .errnum = errno }, NULL);
    return 0;
}

/* By what the guard can kill everybody: the group as a whole, the list of its processes, or their namespace. */
static const char *open_target(const struct container *container, int *ret_fd)
{
    const struct cgroup_set *groups;
    char path[PATH_MAX];

    *ret_fd = -EBADF;
    if (container == NULL || (container->record.namespaces & NAMESPACE_BIT(NAMESPACE_PID)) != 0)
        return NULL;
    groups = &container->record.groups;
    if (groups->count > 0) {
        (void)snprintf(path, sizeof(path), "%s/cgroup.kill", groups->groups[0].path);
        *ret_fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
        if (*ret_fd >= 0)
            return "cgroup.kill";
        *ret_fd = openat(AT_FDCWD, groups->groups[0].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *ret_fd >= 0 ? "cgroup.procs" : NULL;
    }
    if (container->mark_fd < 0)
        return NULL;
    *ret_fd = fcntl(container->mark_fd, F_DUPFD_CLOEXEC, 0);
    return *ret_fd >= 0 ? container->record.mark : NULL;
}

int guard_start(struct guard *guard, int pidfd, const struct container *container, struct lc_error **err)
{
    static char name[] = "nsinit", role[] = "guard";
    char *argv[] = { name, role, NULL, NULL };
    CLEAN_FD int image = -EBADF, null = -EBADF, read_end = -EBADF, target = -EBADF;
    struct spawn spawn = { .cgroup_fd = -1, .plan_fd = pidfd, .argv = argv, .image_fd = -1 };
    int pipes[2] = { -EBADF, -EBADF }, r;

    if (guard->pid > 0)
        return 0;
    if (pidfd < 0)
        return error_raise(err, &(struct error_site){ .stage = "guard", .errnum = ENOTSUP },
                "this kernel has no pidfds");
    argv[2] = (char *)open_target(container, &target);
    spawn.given = &target;
    spawn.n_given = argv[2] != NULL;
    r = open_ends(&spawn, &null, pipes, err);
    image = spawn.image_fd;
    read_end = pipes[0];
    spawn.child_socket = read_end;
    for (int i = 0; i < 3; i++)
        spawn.stdio[i] = null;
    if (r == 0) {
        spawn.vfork = true; /* what it needs of our memory lies on this stack */
        r = spawn_child(&spawn);
        if (r < 0)
            (void)error_raise(
                    err, &(struct error_site){ .stage = "guard", .syscall = "clone3", .errnum = -r }, NULL);
    }
    spawn_release(&spawn);
    if (r < 0) {
        fd_close(&pipes[1]);
        return r;
    }
    *guard = (struct guard){ spawn.pid, spawn.pidfd, pipes[1] };
    return 0;
}

void guard_end(struct guard *guard)
{
    if (guard->pid <= 0)
        return;
    /* It ends by itself with the process that it watches. */
    (void)wait_process(guard->pid, guard->pidfd, NULL);
    fd_close(&guard->pidfd);
    fd_close(&guard->pipe);
    guard->pid = 0;
}
