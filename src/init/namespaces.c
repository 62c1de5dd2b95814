#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <grp.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

/* The user namespace that we are in cannot be entered again. */
static bool is_ours(const struct init *init, int fd)
{
    struct stat wanted, own;

    return fstat(fd, &wanted) == 0 && fstatat(init->host_root, "proc/self/ns/user", &own, 0) == 0 &&
           wanted.st_dev == own.st_dev && wanted.st_ino == own.st_ino;
}

int step_setns(struct init *init, const struct wire_op *op)
{
    int fd = init->slots[op->slot], r;

    if (fd < 0)
        return 0; /* entered before the user namespace */
    r = sys_setns(fd, (int)op->number[0]);
    if (r == -EPERM && op->number[1] != 0)
        return 0;
    if (r == -EINVAL && op->number[0] == CLONE_NEWUSER && is_ours(init, fd))
        r = 0;
    init_close(&init->slots[op->slot]);
    return r < 0 ? init_fail(init, "setns", init_text(init, op, 0), r) : 0;
}

int step_unshare(struct init *init, const struct wire_op *op)
{
    struct wire_message message = { .type = WIRE_UNSHARED };

    if (syscall(SYS_unshare, op->number[0]) < 0)
        return init_fail(init, "unshare", init_text(init, op, 0), -errno);
    return op->number[1] != 0 ? wire_send(init->socket, &message, -1) : 0;
}

/* After the namespaces of others, for which our own user namespace gives no rights. */
int step_map(struct init *init, const struct wire_op *op)
{
    struct wire_message message = { .type = WIRE_UNSHARED };
    int r;

    if (syscall(SYS_unshare, CLONE_NEWUSER) < 0)
        return init_fail(init, "unshare", "NEWUSER", -errno);
    r = wire_send(init->socket, &message, -1);
    if (r < 0)
        return init_fail(init, "sendmsg", "UNSHARED", r);
    r = wire_receive(init->socket, &message, NULL);
    if (r > 0)
        _exit(1);
    if (r == 0 && message.type != WIRE_MAPPED)
        r = -EPROTO;
    return r < 0 ? init_fail(init, "recvmsg", "MAPPED", r) : step_become_root(init, op);
}

/* Offsets are fixed once somebody is inside: unshare makes the namespace only for children. */
int step_time_offsets(struct init *init, const struct wire_op *op)
{
    const char *lines = init_text(init, op, 0);
    int fd, r = 0;

    if (syscall(SYS_unshare, CLONE_NEWTIME) < 0)
        return init_fail(init, "unshare", "NEWTIME", -errno);
    if (lines != NULL && lines[0] != '\0')
        r = init_write_proc(init, "proc/self/timens_offsets", lines);
    if (r < 0)
        return init_fail(init, "write", "timens_offsets", r);
    fd = openat(init->host_root, "proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return init_fail(init, "open", "time_for_children", -errno);
    r = sys_setns(fd, CLONE_NEWTIME);
    (void)close(fd);
    return r < 0 ? init_fail(init, "setns", "NEWTIME", r) : 0;
}

int step_join_network(struct init *init, const struct wire_op *op)
{
    struct wire_message message;
    int fd = -1, r = wire_receive(init->socket, &message, &fd);

    (void)op;
    if (r > 0)
        _exit(1);
    if (r == 0 && (message.type != WIRE_NETWORK || fd < 0))
        r = -EPROTO;
    if (r < 0)
        return init_fail(init, "recvmsg", "NETWORK", r);
    r = sys_setns(fd, CLONE_NEWNET);
    (void)close(fd);
    return r < 0 ? init_fail(init, "setns", "NEWNET", r) : 0;
}

int step_become_root(struct init *init, const struct wire_op *op)
{
    (void)op;
    if (syscall(SYS_setresgid, 0, 0, 0) < 0)
        return init_fail(init, "setresgid", "0", -errno);
    if (syscall(SYS_setresuid, 0, 0, 0) < 0)
        return init_fail(init, "setresuid", "0", -errno);
    return 0;
}

int step_join_root(struct init *init, const struct wire_op *op)
{
    /* setns put us at the namespace's root mount, which is not the container's "/" after a chroot. */
    if (fchdir(init->slots[op->slot]) < 0)
        return init_fail(init, "fchdir", "root of the container", -errno);
    if (chroot(".") < 0)
        return init_fail(init, "chroot", "root of the container", -errno);
    init_close(&init->slots[op->slot]);
    init_close(&init->root);
    init->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return init->root < 0 ? init_fail(init, "open", "/", -errno) : 0;
}

/* The process that the container sees is a fork made after everything of the host is closed: nothing to peek at. As a
 * sibling (CLONE_PARENT) it is the caller's child, who gets its pid and pidfd from us. */
int step_fork(struct init *init, const struct wire_op *op)
{
    int pidfd = -1;
    struct clone_args args = { .flags = CLONE_PARENT | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd };
    struct wire_message message = { .type = WIRE_CHILD };
    long pid = sys_clone3(&args);

    (void)op;
    if (pid == -ENOSYS) {
        pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD, 0, &pidfd, 0, 0);
        pid = pid < 0 ? -errno : pid;
    }
    if (pid < 0)
        return init_fail(init, "clone3", "process in the container's pid namespace", (int)pid);
    if (pid == 0) {
        init_follow_parent(init);
        return 0;
    }
    message.pid = (int32_t)pid;
    _exit(wire_send(init->socket, &message, pidfd) < 0);
}

int step_hostname(struct init *init, const struct wire_op *op)
{
    const char *name = init_text(init, op, 0);

    return sethostname(name, strlen(name)) < 0 ? init_fail(init, "sethostname", name, -errno) : 0;
}

int step_domainname(struct init *init, const struct wire_op *op)
{
    const char *name = init_text(init, op, 0);

    return setdomainname(name, strlen(name)) < 0 ? init_fail(init, "setdomainname", name, -errno) : 0;
}

int step_propagation(struct init *init, const struct wire_op *op)
{
    int r = sys_mount("", "/", "", (unsigned long)op->number[0], NULL);

    if (r < 0)
        return init_fail(init, "mount", "/", r);
    /* The mount namespace may be newer than our first look at "/". */
    init_close(&init->host_root);
    init->host_root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return init->host_root < 0 ? init_fail(init, "open", "/", -errno) : 0;
}
