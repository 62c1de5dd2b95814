/* Thin total wrappers: return the result or -errno, never set errno as the answer, no fallback. Both sides use
 * them; the new calls are made by number because neither libc has them all. */
#ifndef LCSYS_SYSCALLS_H
#define LCSYS_SYSCALLS_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/mount.h> /* MS_*, MOUNT_ATTR_*, OPEN_TREE_*, MOVE_MOUNT_*; never with <sys/mount.h> */
#include <linux/openat2.h>
#include <linux/sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define LCSYS_MNT_DETACH 2

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dirfd, const char *path, unsigned int flags);
int sys_detached_tmpfs(void); /* an empty one, mounted nowhere */
/* From a descriptor, to one or to a name below it, which is not followed when it is a link. */
int sys_move_mount(int from_fd, int to_fd, const char *name);
int sys_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attr);
int sys_mount(
        const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int sys_umount(const char *target, int flags);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_close_range(unsigned int first, unsigned int last, unsigned int flags);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_send_signal(int pidfd, int signal);
int sys_setns(int fd, int type);
int sys_memfd_create(const char *name, unsigned int flags);
/* Without a stack of its own (fork-like) when args->stack is 0. */
long sys_clone3(struct clone_args *args);
/* With args->stack: the child runs function(data) on it, and exits with its result. */
long sys_clone3_call(struct clone_args *args, int (*function)(void *), void *data);

#endif
