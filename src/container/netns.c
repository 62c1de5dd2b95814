/* A network namespace is by far the slowest to make, so it is made here, while the child executes its image and mounts. */
#include "container.h"

#include <lcsys/aside.h>
#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

__attribute__((no_sanitize("address", "undefined"))) static long make(void *data)
{
    static const char path[] = "/proc/thread-self/ns/net";
    long r = sys_raw(SYS_unshare, CLONE_NEWNET, 0, 0, 0, 0);

    (void)data;
    return r < 0 ? r : sys_raw(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
}

int netns_make(const char *pointer, struct lc_error **err)
{
    long r = sys_aside(make, NULL);

    if (r >= 0)
        return (int)r;
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "network namespace",
                    .syscall = "unshare",
                    .pointer = pointer,
                    .errnum = (int)-r,
                    .hint = hint_clone((int)-r, CLONE_NEWNET) },
            NULL);
}
