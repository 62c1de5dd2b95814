#include <lcsys/aside.h>

#include <lcsys/raw.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)16 * 1024)

/* Some kernels leave a new process on the processor of its maker, where it works instead of him. */
__attribute__((no_sanitize("address", "undefined"))) static void leave_processor(unsigned int crowded)
{
    const unsigned int bits = 8 * sizeof(unsigned long);
    unsigned long others[16];
    unsigned int here = 0;
    long size = sys_raw(SYS_sched_getaffinity, 0, sizeof(others), (long)others, 0, 0);

    if (size < 0 || crowded / 8 >= (unsigned long)size || sys_raw(SYS_getcpu, (long)&here, 0, 0, 0, 0) < 0 ||
            here != crowded)
        return;
    others[here / bits] &= ~(1ul << here % bits);
    /* Where there is no other, it stays. */
    (void)sys_raw(SYS_sched_setaffinity, 0, size, (long)others, 0, 0);
}

__attribute__((no_sanitize("address", "undefined"))) static int process(void *data)
{
    struct aside *aside = data;

    if (aside->processor >= 0)
        leave_processor((unsigned int)aside->processor);
    aside->result = aside->function(aside->data);
    return 0;
}

static void begin(struct aside *aside, int processor, long (*function)(void *data), void *data)
{
    char *stack = malloc(STACK_SIZE); /* to give a mapping back costs an interrupt on all our processors */
    sigset_t all, before;

    *aside = (struct aside){
        .function = function, .data = data, .result = -ECANCELED, .stack = stack, .processor = processor
    };
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

void sys_aside_begin(struct aside *aside, long (*function)(void *data), void *data)
{
    begin(aside, sched_getcpu(), function, data);
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

    begin(&aside, -1, function, data);
    return sys_aside_end(&aside);
}
