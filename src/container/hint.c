/* What a person can do about the usual failures. */
#include "container.h"

#include <base/util.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

static long long read_number(const char *path)
{
    char text[64] = "";
    CLEAN_FD int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return -1;
    return strtoll(text, NULL, 10);
}

/* EPERM and ENOSPC of a new namespace: a sysctl says no, or a limit is reached. */
const char *hint_clone(int errnum, uint64_t flags)
{
    bool user = (flags & CLONE_NEWUSER) != 0;

    if (errnum == ENOSPC || errnum == EUSERS)
        return "the limit of namespaces is reached: see /proc/sys/user/max_*_namespaces";
    if (errnum == EAGAIN)
        return "no room for another process: see pids.max of the control group of this process, ulimit -u "
               "and "
               "/proc/sys/kernel/pid_max";
    if (errnum == ENOMEM)
        return "no memory: see memory.max or memory.limit_in_bytes of the control group of this process";
    if (errnum == EBUSY || errnum == EOPNOTSUPP)
        return "the control group takes no processes: cgroup.type or cgroup.subtree_control of its path";
    if (errnum != EPERM)
        return NULL;
    if (user && read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return "sysctl kernel.unprivileged_userns_clone is 0";
    if (user && read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return "sysctl kernel.apparmor_restrict_unprivileged_userns is 1";
    if (user && read_number("/proc/sys/user/max_user_namespaces") == 0)
        return "sysctl user.max_user_namespaces is 0";
    if (user)
        return "user namespaces are forbidden here: in a chroot, or by a security module";
    return "run as root, or add a user namespace to namespaces; sysctl user.max_user_namespaces must not be "
           "0 then";
}

static const struct {
    enum wire_op_kind kind;
    int errnum;
    const char *hint;
} hints[] = {
    { WIRE_OP_RLIMIT, EPERM, "raising a hard limit needs CAP_SYS_RESOURCE, which is not there" },
    { WIRE_OP_OOM_SCORE, EACCES, "lowering it needs CAP_SYS_RESOURCE, which is not there" },
    { WIRE_OP_OOM_SCORE, EPERM, "lowering it needs CAP_SYS_RESOURCE, which is not there" },
    { WIRE_OP_DETACH_HOST, EINVAL, "a root on ramfs cannot be pivoted away from: set no_pivot_root" },
    { WIRE_OP_MOUNT, ENODEV, "see /proc/filesystems; a module may have to be loaded" },
    { WIRE_OP_MOUNT, EINVAL, "an option is not known to this file system, or the source is missing" },
    { WIRE_OP_MOUNT, EPERM,
            "in a user namespace only some file systems can be mounted; bind what the host has" },
    { WIRE_OP_SOURCE, ENOENT, "the source of a mount must exist on the host" },
    { WIRE_OP_CWD, ENOENT, "make the directory in the rootfs, or change the working directory" },
    { WIRE_OP_USER, ENOENT, "use a number, or add the name to the container's files" },
    { WIRE_OP_SYSCTL, ENOENT, "this kernel has no such setting" },
    { WIRE_OP_FORK, EAGAIN, "no room for another process: see pids.max of the container's control group" },
    { WIRE_OP_FORK, ENOMEM, "the container is ending, or its control group has no memory left" },
    { WIRE_OP_IDENTITY, EINVAL, "the user or a group has no place in uid_mappings or gid_mappings" },
    { WIRE_OP_IDENTITY, EAGAIN, "the user has too many processes: see rlimits, RLIMIT_NPROC" },
    { WIRE_OP_CONSOLE, ENOSPC, "no pty left: see /proc/sys/kernel/pty/max" },
    { WIRE_OP_EXEC, ENOENT, "the command is looked up inside the container, along the PATH of environment" },
    { WIRE_OP_EXEC, EACCES, "the file needs x for this user, and so does every directory above it" },
    { WIRE_OP_EXEC, ENOMEM, "see memory and pids limits in cgroups" },
};

void hint_add(struct lc_error *err, const struct wire_message *message, const struct lc_plan *plan)
{
    enum wire_op_kind kind = message->op < plan->n_ops ? plan->ops[message->op].kind : WIRE_OP_MAX_;

    if (kind == WIRE_OP_UNSHARE) {
        error_add(err, &(struct error_site){
                               .hint = hint_clone(message->errnum, plan->ops[message->op].number[0]) });
        return;
    }
    if (strstr(message->detail, "interpreter") != NULL) /* that says it all */
        return;
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
        if (hints[i].kind == kind && hints[i].errnum == message->errnum) {
            error_add(err, &(struct error_site){ .hint = hints[i].hint });
            return;
        }
}
