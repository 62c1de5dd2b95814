#include <lcsys/aside.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)16 * 1024)

/* Beside its maker, not instead of him. On the way it finds out whether anybody but the cpuset restricts him: it lives for
 * one function only, so nobody minds what becomes of its own mask. */
__attribute__((no_sanitize("address", "undefined"))) static void go_away(struct aside *aside)
{
    struct processors now;
    bool same = true;

    (void)processors_free(0);
    processors_look(&now);
    for (unsigned int i = 0; i < PROCESSOR_WORDS && i * sizeof(now.allowed[0]) < (unsigned long)now.size; i++)
        same = same && now.allowed[i] == aside->maker.allowed[i];
    aside->maker_roams = same && now.size > 0 && now.size == aside->maker.size;
    (void)processors_send_away(&aside->maker, 0);
}

__attribute__((no_sanitize("address", "undefined"))) static int process(void *data)
{
    struct aside *aside = data;

    if (aside->maker.size > 0)
        go_away(aside);
    aside->result = aside->function(aside->data);
    return 0;
}

static void begin(struct aside *aside, bool away, long (*function)(void *data), void *data)
{
    char *stack = malloc(STACK_SIZE); /* to give a mapping back costs an interrupt on all our processors */
    sigset_t all, before;

    *aside = (struct aside){ .function = function, .data = data, .result = -ECANCELED, .stack = stack };
    if (stack == NULL) {
        *aside = (struct aside){ .result = -ENOMEM };
        return;
    }
    if (away)
        processors_look(&aside->maker);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No exit signal: the caller's SIGCHLD handler and waits do not see this child. */
    aside->pid = clone(process, stack + STACK_SIZE, CLONE_VM | CLONE_FILES, aside);
    if (aside->pid < 0)
        aside->result = -errno;
    else if (away)
        (void)processors_send_away(&aside->maker, aside->pid); /* if it has not begun yet */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void sys_aside_begin(struct aside *aside, long (*function)(void *data), void *data)
{
    begin(aside, true, function, data);
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

    begin(&aside, false, function, data);
    return sys_aside_end(&aside);
}
