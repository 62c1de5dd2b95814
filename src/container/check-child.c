/* Throw-away processes and threads, for what cannot be tried on ourselves. */
#include "check.h"

#include <base/util.h>
#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)1024 * 1024) /* musl's default is small for paths */

/* In a copy of a process that may have threads: raw system calls only. Ends with us, by signal or by the
 * pipe. */
static void wait_for_the_end(const int *pipe)
{
    char byte;

    (void)sys_raw(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)sys_raw(SYS_close, pipe[1], 0, 0, 0, 0);
    (void)sys_raw(SYS_read, pipe[0], (long)&byte, 1, 0, 0);
    for (;;)
        (void)sys_raw(SYS_exit_group, 0, 0, 0, 0, 0);
}

int check_child_start(const struct check *check, uint64_t clone_flags, struct check_child *ret)
{
    struct clone_args args = { .flags = clone_flags };
    sigset_t all, before;
    int ends[2];
    long pid;

    if (check_has_namespace(check, NAMESPACE_USER))
        args.flags |= CLONE_NEWUSER;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No memory is shared: the kernel gives an oom_score_adj to everybody who shares it. No exit signal: the
     * caller's handlers and waits do not see this child. The time namespace has no flag in the old call. */
    pid = (args.flags & CLONE_NEWTIME) != 0 ? sys_clone3(&args)
                                            : sys_raw(SYS_clone, (long)args.flags, 0, 0, 0, 0);
    if (pid == 0)
        wait_for_the_end(ends);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    fd_close(&ends[0]);
    if (pid < 0) {
        fd_close(&ends[1]);
        return (int)pid;
    }
    *ret = (struct check_child){ .pid = (pid_t)pid, .pipe = ends[1] };
    return 0;
}

void check_child_end(struct check_child *child)
{
    fd_close(&child->pipe);
    (void)kill(child->pid, SIGKILL);
    (void)wait_process(child->pid, -1, NULL);
}

struct apart {
    void (*function)(void *);
    void *data;
};

static void *run_apart(void *data)
{
    const struct apart *apart = data;

    apart->function(apart->data);
    return NULL;
}

int check_apart(void (*function)(void *), void *data)
{
    struct apart apart = { function, data };
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int r = pthread_attr_init(&attributes);

    if (r != 0)
        return -r;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    /* The caller's handlers must not find themselves in foreign namespaces. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, &attributes, run_apart, &apart);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (r == 0)
        r = pthread_join(thread, NULL);
    return -r;
}
