/* One clone, one exec. Between them the child shares our memory, so it makes raw system calls and nothing else: no
 * heap, no locks, no errno of ours. A caller of any size costs the same. */
#include "container.h"

#include <base/util.h>
#include <lcsys/raw.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024)

/* Tells the parent why there will be no child program. `message` lies on the child's own stack. */
static void report(int socket, struct wire_message *message, const char *call, size_t length, long r)
{
    message->type = WIRE_ERROR;
    message->op = UINT32_MAX;
    message->errnum = (int32_t)-r;
    for (size_t i = 0; i < length; i++)
        message->syscall[i] = call[i];
    (void)sys_raw(SYS_sendto, socket, (long)message, sizeof(*message), MSG_NOSIGNAL, 0);
}
#define REPORT(socket, message, call, r) report(socket, message, call, sizeof(call) - 1, r)

/* First everything up and out of the way, then down into place. */
static long place_descriptors(const struct spawn *spawn, int *moved)
{
    long base = (long)(WIRE_FD_FIRST + spawn->n_given), r;
    size_t count = 0;
    const int fixed[] = { spawn->stdio[0], spawn->stdio[1], spawn->stdio[2], spawn->child_socket,
        spawn->plan_fd };

    for (size_t i = 0; i < WIRE_FD_FIRST + spawn->n_given; i++) {
        r = sys_raw(SYS_fcntl, i < WIRE_FD_FIRST ? fixed[i] : spawn->given[i - WIRE_FD_FIRST],
                F_DUPFD_CLOEXEC, base, 0, 0);
        if (r < 0)
            return r;
        moved[count++] = (int)r;
    }
    for (size_t i = 0; i < count; i++) {
        r = sys_raw(SYS_dup3, moved[i], (long)i, 0, 0, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

static long become_mapped_root(const struct spawn *spawn, struct wire_message *message)
{
    long r;

    /* Our copy of the parent's end would hide the parent's death from us, and we would wait for ever. */
    (void)sys_raw(SYS_close, spawn->parent_socket, 0, 0, 0, 0);
    r = sys_raw(SYS_recvfrom, spawn->child_socket, (long)message, sizeof(*message), 0, 0);
    if (r != (long)sizeof(*message) || message->type != WIRE_MAPPED)
        return r < 0 ? r : -ECANCELED;
    message->type = 0;
    r = sys_raw(SYS_setresgid, 0, 0, 0, 0, 0);
    return r < 0 ? r : sys_raw(SYS_setresuid, 0, 0, 0, 0, 0);
}

__attribute__((no_sanitize("address", "undefined"))) static int child(void *data)
{
    static char name[] = "nsinit", role[] = "init";
    char *argv[] = { name, role, NULL }, *envp[] = { NULL };
    const struct spawn *spawn = data;
    int moved[WIRE_FD_FIRST + PLAN_GIVEN_MAX];
    struct wire_message message;
    long image, r;

    for (size_t i = 0; i < sizeof(message); i++)
        ((volatile char *)&message)[i] = 0;
    if (spawn->wait_mapped) {
        r = become_mapped_root(spawn, &message);
        if (r < 0) {
            REPORT(spawn->child_socket, &message, "setresuid", r);
            return 1;
        }
    }
    image = sys_raw(
            SYS_fcntl, spawn->image_fd, F_DUPFD_CLOEXEC, (long)(WIRE_FD_FIRST + spawn->n_given), 0, 0);
    r = image < 0 ? image : place_descriptors(spawn, moved);
    if (r < 0) {
        REPORT(spawn->child_socket, &message, "dup3", r);
        return 1;
    }
    r = sys_raw(SYS_execveat, image, (long)"", spawn->argv != NULL ? (long)spawn->argv : (long)argv,
            (long)envp, AT_EMPTY_PATH);
    /* The numbers that the parent knows are taken by now. */
    REPORT(WIRE_FD_SOCKET, &message, "execveat", r);
    return 1;
}

/* Where clone3 is filtered away: so no CLONE_INTO_CGROUP, and the time namespace has no flag bit here. */
static long clone_old(struct spawn *spawn, char *stack)
{
    unsigned long flags = (unsigned long)spawn->clone_flags | CLONE_VM | SIGCHLD | CLONE_PIDFD |
                          (spawn->vfork ? CLONE_VFORK : 0);
    long pid;

    if ((spawn->clone_flags & CLONE_NEWTIME) != 0)
        return -ENOSYS;
    pid = clone(child, stack + STACK_SIZE, (int)flags, spawn, &spawn->pidfd);
    return pid < 0 ? -errno : pid;
}

static long clone_new(struct spawn *spawn, char *stack)
{
    struct clone_args args = {
        /* Out of memory in the container's group kills all who share the memory of the one that was born there. */
        .flags = spawn->clone_flags | (spawn->own_memory ? 0 : CLONE_VM) | (spawn->vfork ? CLONE_VFORK : 0) |
                 CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)&spawn->pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = STACK_SIZE,
    };
    long pid;

    if (spawn->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)spawn->cgroup_fd;
    }
    pid = sys_clone3_call(&args, child, spawn);
    spawn->placed = pid > 0 && spawn->cgroup_fd >= 0;
    return pid;
}

int spawn_child(struct spawn *spawn)
{
    sigset_t all, before;
    char *stack;
    long pid;

    spawn->pidfd = -1;
    stack = malloc(STACK_SIZE);
    if (stack == NULL)
        return -ENOMEM;
    /* No handler of the caller may run in the child, which has the caller's memory. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = clone_new(spawn, stack);
    if (pid == -ENOSYS)
        pid = clone_old(spawn, stack);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        free(stack);
        return (int)pid;
    }
    spawn->stack = stack;
    spawn->pid = (pid_t)pid;
    return 0;
}

void spawn_release(struct spawn *spawn)
{
    free(TAKE_POINTER(spawn->stack));
}
