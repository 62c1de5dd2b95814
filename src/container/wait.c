#include "container.h"

#include <lcsys/syscalls.h>

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define REAPED_MS 100

/* The libraries' own has no room for the usage. */
static int wait_id(int type, int id, siginfo_t *info, struct rusage *usage)
{
    long r;

    do
        r = syscall(SYS_waitid, type, id, info, WEXITED | __WALL, usage);
    while (r < 0 && errno == EINTR);
    return (int)r;
}

int reaped_status(int pidfd)
{
    struct {
        uint64_t mask, cgroup;
        uint32_t ids[11];
        int32_t exit_code;
    } info = { .mask = 1u << 3 };
    const unsigned long get_info = _IOWR(0xff, 11, info);

    if (pidfd < 0 || ioctl(pidfd, get_info, &info) < 0 || (info.mask & 1u << 3) == 0)
        return -1;
    return WIFSIGNALED(info.exit_code) ? 128 + WTERMSIG(info.exit_code) : WEXITSTATUS(info.exit_code);
}

/* By somebody else of this program, or, because that ignores SIGCHLD, by the kernel: which is at it while it tells us so. */
static int await_reaped(int pidfd)
{
    struct pollfd hung_up = { .fd = pidfd };

    (void)poll(&hung_up, 1, REAPED_MS);
    return reaped_status(pidfd);
}

int exit_status(int code, int status)
{
    return code == CLD_EXITED ? status : 128 + status;
}

int wait_process_usage(pid_t pid, int pidfd, int *ret_status, struct rusage *ret_usage)
{
    siginfo_t info = { 0 };
    int status, r = pidfd >= 0 ? wait_id(P_PIDFD, pidfd, &info, ret_usage) : -1;

    /* Not reaped yet, so the pid is still its. */
    if (r < 0 && (pidfd < 0 || errno == EINVAL || errno == ENOSYS))
        r = wait_id(P_PID, pid, &info, ret_usage);
    if (r < 0 && errno != ECHILD)
        return -errno;
    status = r == 0 ? exit_status(info.si_code, info.si_status) : await_reaped(pidfd);
    if (status < 0)
        return -ECHILD;
    if (ret_status != NULL)
        *ret_status = status;
    return 0;
}

int raise_reaped(struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "wait",
                    .errnum = ECHILD,
                    .hint = "the calling program must not ignore SIGCHLD, nor wait for this process itself" },
            "the process has ended, but how is not known: somebody else has reaped it");
}

int wait_process(pid_t pid, int pidfd, int *ret_status)
{
    return wait_process_usage(pid, pidfd, ret_status, NULL);
}

int signal_process(pid_t pid, int pidfd, int signal)
{
    int r = pidfd >= 0 ? sys_pidfd_send_signal(pidfd, signal) : -ENOSYS;

    if (r == -ENOSYS)
        r = kill(pid, signal) < 0 ? -errno : 0;
    return r;
}
