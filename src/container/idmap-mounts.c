/* Mounts with ids mapped. What the kernel takes the mapping from is a user namespace, so one is made for it: by a helper that
 * shares our memory, waits until its maps are written and its namespace is opened, and is never seen otherwise. */
#include "container.h"
#include "idmap.h"

#include <base/util.h>
#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)16 * 1024)
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Ends when the other end of the pipe is closed, also by our death. */
__attribute__((no_sanitize("address", "undefined"))) static int helper(void *data)
{
    const int *ends = data;
    char byte;

    (void)sys_raw(SYS_close, ends[1], 0, 0, 0, 0);
    (void)sys_raw(SYS_read, ends[0], (long)&byte, 1, 0, 0);
    return 0;
}

static int open_mapped(
        pid_t pid, const struct lc_config *config, const struct plan_given *given, struct lc_error **err)
{
    char path[64];
    int fd, r = given->mappings != NULL ? idmap_write_mappings(given->mappings, pid, given->pointer, err)
                                        : idmap_write(config, pid, err);

    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_raise(err,
                            &(struct error_site){ .stage = "acquire",
                                    .syscall = "open",
                                    .object = path,
                                    .pointer = given->pointer,
                                    .errnum = errno },
                            NULL)
                  : fd;
}

static int spawn_helper(char *stack, int *ends)
{
    sigset_t all, before;
    int pid;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No exit signal: the caller's SIGCHLD handler and waits do not see this child. */
    pid = clone(helper, stack + STACK_SIZE, CLONE_VM | CLONE_NEWUSER, ends);
    pid = pid < 0 ? -errno : pid;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static int make_namespace(
        const struct lc_config *config, const struct plan_given *given, struct lc_error **err)
{
    char *stack =
            mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    int ends[2] = { -1, -1 }, fd = -1, pid = -ENOMEM;

    if (stack != MAP_FAILED)
        pid = pipe2(ends, O_CLOEXEC) < 0 ? -errno : spawn_helper(stack, ends);
    if (pid < 0)
        fd = error_raise(err,
                &(struct error_site){ .stage = "acquire",
                        .op = "idmap",
                        .syscall = "clone",
                        .pointer = given->pointer,
                        .errnum = -pid,
                        .hint = hint_clone(-pid, CLONE_NEWUSER) },
                NULL);
    else
        fd = open_mapped(pid, config, given, err);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    if (pid >= 0)
        (void)waitpid(pid, NULL, __WALL);
    if (stack != MAP_FAILED)
        (void)munmap(stack, STACK_SIZE);
    return fd;
}

/* The mapping of the container's user namespace, where that exists already. */
static int open_joined(const char *path, const struct plan_given *given, struct lc_error **err)
{
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? error_raise(err,
                            &(struct error_site){ .stage = "acquire",
                                    .op = "idmap",
                                    .syscall = "open",
                                    .object = path,
                                    .pointer = given->pointer,
                                    .errnum = errno },
                            NULL)
                  : fd;
}

int idmap_mount(
        int tree, const struct lc_config *config, const struct plan_given *given, struct lc_error **err)
{
    const char *joined = config->oci.namespace_paths[NAMESPACE_USER];
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
    CLEAN_FD int namespace = given->mappings == NULL && joined != NULL ? open_joined(joined, given, err)
                                                                       : make_namespace(config, given, err);
    int r;

    if (namespace < 0)
        return namespace;
    attr.userns_fd = (uint64_t) namespace;
    r = sys_mount_setattr(tree, given->recursive_idmap ? AT_RECURSIVE : 0, &attr);
    if (r == 0)
        return 0;
    return error_raise(err,
            &(struct error_site){ .stage = "acquire",
                    .op = "idmap",
                    .syscall = "mount_setattr",
                    .object = given->path,
                    .pointer = given->pointer,
                    .errnum = -r,
                    .hint = r == -EINVAL   ? "the file system there cannot have its ids mapped"
                            : r == -ENOSYS ? "this needs Linux 5.12"
                                           : NULL },
            NULL);
}
