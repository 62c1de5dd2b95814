#include <lcsys/aside.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)16 * 1024)

__attribute__((no_sanitize("address", "undefined"))) static int process(void *data)
{
    struct aside *aside = data;

    aside->result = aside->function(aside->data);
    return 0;
}

void sys_aside_begin(struct aside *aside, long (*function)(void *data), void *data)
{
    char *stack = malloc(STACK_SIZE); /* to give a mapping back costs an interrupt on all our processors */
    sigset_t all, before;

    *aside = (struct aside){ .function = function, .data = data, .result = -ECANCELED, .stack = stack };
    if (stack == NULL) {
        *aside = (struct aside){ .result = -ENOMEM };
        return;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No exit signal: the caller's SIGCHLD handler and waits do not see this child. */
    aside->pid = clone(process, stack + STACK_SIZE, CLONE_VM | CLONE_FILES, aside);
    if (aside->pid < 0)
        aside->result = -errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

long sys_aside_end(struct aside *aside)
{
    if (aside->pid > 0)
        while (waitpid(aside->pid, NULL, __WALL) < 0 && errno == EINTR)
            ;
    free(aside->stack);
    return aside->result;
}

long sys_aside(long (*function)(void *data), void *data)
{
    struct aside aside;

    sys_aside_begin(&aside, function, data);
    return sys_aside_end(&aside);
}
