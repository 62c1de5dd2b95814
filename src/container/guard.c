#include "container.h"

#include <base/util.h>

#include <fcntl.h>
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

int guard_start(struct guard *guard, int pidfd, const struct record *record, struct lc_error **err)
{
    static char name[] = "nsinit", role[] = "guard";
    char device[24], inode[24], *argv[] = { name, role, NULL, device, inode, NULL };
    CLEAN_FD int image = -EBADF, null = -EBADF, read_end = -EBADF;
    struct spawn spawn = { .cgroup_fd = -1, .plan_fd = pidfd, .argv = argv, .image_fd = -1 };
    int pipes[2] = { -EBADF, -EBADF }, r;

    if (guard->pid > 0)
        return 0;
    if (pidfd < 0)
        return error_raise(err, &(struct error_site){ .stage = "guard", .errnum = ENOTSUP },
                "this kernel has no pidfds");
    if (record != NULL && record->mark[0] != '\0') {
        argv[2] = (char *)record->mark;
        (void)snprintf(device, sizeof(device), "%llu", record->mark_dev);
        (void)snprintf(inode, sizeof(inode), "%llu", record->mark_ino);
    }
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
