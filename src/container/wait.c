#include "container.h"

#include <lcsys/syscalls.h>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* The libraries' own has no room for the usage. */
static int wait_id(int type, int id, siginfo_t *info, struct rusage *usage)
{
    long r;

    do
        r = syscall(SYS_waitid, type, id, info, WEXITED | __WALL, usage);
    while (r < 0 && errno == EINTR);
    return (int)r;
}

int exit_status(int code, int status)
{
    return code == CLD_EXITED ? status : 128 + status;
}

int wait_process_usage(pid_t pid, int pidfd, int *ret_status, struct rusage *ret_usage)
{
    siginfo_t info = { 0 };
    int r = pidfd >= 0 ? wait_id(P_PIDFD, pidfd, &info, ret_usage) : -1;

    /* Not reaped yet, so the pid is still its. */
    if (r < 0 && (pidfd < 0 || errno == EINVAL || errno == ENOSYS))
        r = wait_id(P_PID, pid, &info, ret_usage);
    if (r < 0)
        return -errno;
    if (ret_status != NULL)
        *ret_status = exit_status(info.si_code, info.si_status);
    return 0;
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
