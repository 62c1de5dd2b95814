#include <lcsys/aside.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)16 * 1024)

struct aside {
    long (*function)(void *data);
    void *data;
    volatile long result;
};

__attribute__((no_sanitize("address", "undefined"))) static int process(void *data)
{
    struct aside *aside = data;

    aside->result = aside->function(aside->data);
    return 0;
}

long sys_aside(long (*function)(void *data), void *data)
{
    struct aside aside = { .function = function, .data = data, .result = -ECANCELED };
    char *stack =
            mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    sigset_t all, before;
    int pid;

    if (stack == MAP_FAILED)
        return -ENOMEM;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No exit signal: the caller's SIGCHLD handler and waits do not see this child. */
    pid = clone(process, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES, &aside);
    if (pid < 0)
        aside.result = -errno;
    else
        (void)waitpid(pid, NULL, __WALL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)munmap(stack, STACK_SIZE);
    return aside.result;
}
