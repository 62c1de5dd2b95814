/* A network namespace is by far the slowest to make, so it is made here, while the child executes its image and mounts. Our
 * own thread must not enter it: a helper that shares our memory and descriptors does, and leaves the descriptor. */
#include "container.h"

#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)16 * 1024)

__attribute__((no_sanitize("address", "undefined"))) static int helper(void *data)
{
    static const char path[] = "/proc/thread-self/ns/net";
    volatile long *result = data;
    long r = sys_raw(SYS_unshare, CLONE_NEWNET, 0, 0, 0, 0);

    *result = r < 0 ? r : sys_raw(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
    return 0;
}

int netns_make(struct lc_error **err)
{
    char *stack =
            mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    volatile long result = -ENOMEM;
    sigset_t all, before;
    int pid;

    if (stack != MAP_FAILED) {
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        /* No exit signal: the caller's SIGCHLD handler and waits do not see this child. */
        pid = clone(helper, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES, (void *)&result);
        if (pid < 0)
            result = -errno;
        else
            (void)waitpid(pid, NULL, __WALL);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)munmap(stack, STACK_SIZE);
    }
    if (result >= 0)
        return (int)result;
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "network namespace",
                    .syscall = "unshare",
                    .pointer = "/namespaces",
                    .errnum = (int)-result,
                    .hint = hint_clone((int)-result, CLONE_NEWNET) },
            NULL);
}
