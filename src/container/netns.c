/* A network namespace is by far the slowest to make, so it is made beside all else: from when it is known that there will be
 * one to when the child has nothing left to mount without it. Nothing remains of it when we are killed meanwhile. */
#include "container.h"

#include <base/util.h>

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

void netns_begin(struct session *session, const struct lc_config *config)
{
    session->netns_begun = plan_makes_network(config);
    if (session->netns_begun)
        sys_aside_begin(&session->netns, make, NULL);
}

int netns_take(struct session *session, struct lc_error **err)
{
    long r = session->netns_begun ? sys_aside_end(&session->netns) : -EINVAL;

    session->netns_begun = false;
    if (r >= 0)
        return (int)r;
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "network namespace",
                    .syscall = "unshare",
                    .pointer = session->plan->config->pointers->namespaces,
                    .errnum = (int)-r,
                    .hint = hint_clone((int)-r, CLONE_NEWNET) },
            NULL);
}

void netns_drop(struct session *session)
{
    int fd = session->netns_begun ? (int)sys_aside_end(&session->netns) : -EBADF;

    session->netns_begun = false;
    fd_close(&fd);
}
