#include "container.h"

#include <lcsys/syscalls.h>

#include <signal.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int wait_process(pid_t pid, int pidfd, int *ret_status)
{
    siginfo_t info = { 0 };
    int r;

    do
        r = pidfd >= 0 ? waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) : -1;
    while (r < 0 && pidfd >= 0 && errno == EINTR);
    /* Not reaped yet, so the pid is still its. */
    if (r < 0 && (pidfd < 0 || errno == EINVAL || errno == ENOSYS)) {
        do
            r = waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL);
        while (r < 0 && errno == EINTR);
    }
    if (r < 0)
        return -errno;
    if (ret_status != NULL)
        *ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 0;
}

int signal_process(pid_t pid, int pidfd, int signal)
{
    int r = pidfd >= 0 ? sys_pidfd_send_signal(pidfd, signal) : -ENOSYS;

    if (r == -ENOSYS)
        r = kill(pid, signal) < 0 ? -errno : 0;
    return r;
}
