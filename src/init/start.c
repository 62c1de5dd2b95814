/* Between create and start: one process of ours, that waits. */
#include "init.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A caller that connects and says nothing must not keep others out. */
#define WORD_TIMEOUT_MS 10000

static void end(int number)
{
    _exit(128 + number);
}

/* The signals that would end the program end the process that waits to become it: without handlers, the first process of
 * a pid namespace would not notice. */
static void take_signals(struct init *init, bool take)
{
    static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE };
    struct sigaction action = { .sa_handler = take ? end : SIG_DFL };
    sigset_t set;

    (void)init;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        (void)sigaction(fatal[i], &action, NULL);
        (void)sigaddset(&set, fatal[i]);
    }
    (void)sigprocmask(take ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* What set-up has used of the stack is not needed while we wait. */
static __attribute__((noinline)) void give_back_stack(void)
{
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) - 4096) & ~(uintptr_t)4095;

    (void)madvise((void *)(top - (uintptr_t)256 * 1024), (size_t)256 * 1024, MADV_DONTNEED);
}

/* Root, or who created the container: as far as the user namespace we are in tells them apart. */
static bool may_start(int connection, uid_t owner)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == owner);
}

/* 0: it said START. */
static int hear_start(int connection, int *ret_state)
{
    struct pollfd ready = { .fd = connection, .events = POLLIN };
    struct wire_message message;
    int r = poll(&ready, 1, WORD_TIMEOUT_MS);

    if (r <= 0)
        return -ETIMEDOUT;
    r = wire_receive(connection, &message, ret_state);
    if (r == 0 && message.type == WIRE_START)
        return 0;
    init_close(ret_state);
    return -EPROTO;
}

static int accept_start(struct init *init, int *listener, uid_t owner, int *ret_state)
{
    const struct timespec pause = { .tv_nsec = 10000000 };

    for (;;) {
        int connection = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);

        if (connection < 0) {
            if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK)
                return init_fail(init, "accept4", "socket for start", -errno);
            if (errno != EINTR && errno != ECONNABORTED)
                (void)nanosleep(&pause, NULL); /* out of memory or descriptors, for now */
            continue;
        }
        if (may_start(connection, owner) && hear_start(connection, ret_state) == 0) {
            init->socket = connection;
            init_close(listener);
            return 0;
        }
        (void)close(connection);
    }
}

/* Out of the creator's reach: it may end, and we go on. */
static int wait_outside(struct init *init, const struct wire_op *op, int *ret_state)
{
    struct wire_message created = { .type = WIRE_CREATED };
    struct ucred owner;
    socklen_t size = sizeof(owner);
    int r;

    if (getsockopt(init->socket, SOL_SOCKET, SO_PEERCRED, &owner, &size) < 0)
        return init_fail(init, "getsockopt", "SO_PEERCRED", -errno);
    init->orphan = true;
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return init_fail(init, "prctl", "PR_SET_PDEATHSIG", -errno);
    r = wire_send(init->socket, &created, -1);
    if (r < 0)
        _exit(1);
    init_close(&init->socket);
    give_back_stack();
    take_signals(init, true);
    r = accept_start(init, &init->slots[op->slot], owner.uid, ret_state);
    take_signals(init, false);
    return r;
}

static int wait_here(struct init *init, int *ret_state)
{
    struct wire_message message = { .type = WIRE_CREATED };
    int r = wire_send(init->socket, &message, -1);

    if (r == 0)
        r = wire_receive(init->socket, &message, ret_state);
    if (r > 0)
        _exit(1); /* nobody is left to start us */
    if (r == 0 && message.type != WIRE_START)
        r = -EPROTO;
    return r < 0 ? init_fail(init, "recvmsg", "START", r) : 0;
}

/* What the program will run under, its hooks do, too: their files are the container's. */
static const struct wire_op *find_filter(const struct init *init, const struct wire_op *op)
{
    const struct wire_op *ops = (const struct wire_op *)(const void *)(init->blob + init->plan->ops);

    while (op < ops + init->plan->n_ops && op->kind != WIRE_OP_SECCOMP)
        op++;
    return op < ops + init->plan->n_ops ? op : NULL;
}

int step_start(struct init *init, const struct wire_op *op)
{
    struct hooks_run run = {
        .op = op, .state = -1, .directory = -1, .path = "/", .filter = find_filter(init, op)
    };
    int r = op->slot >= 0 ? wait_outside(init, op, &run.state) : wait_here(init, &run.state);

    if (r == 0)
        r = init_run_hooks(init, &run);
    init_close(&run.state);
    return r;
}

static int move_up(struct init *init, int *fd, int first)
{
    int moved;

    if (*fd < WIRE_FD_SOCKET || *fd >= first)
        return 0;
    moved = fcntl(*fd, F_DUPFD_CLOEXEC, first);
    if (moved < 0)
        return init_fail(init, "fcntl", "F_DUPFD_CLOEXEC", -errno);
    (void)close(*fd);
    *fd = moved;
    return 0;
}

/* All out of the way, then theirs down to their numbers. */
int step_preserve(struct init *init, const struct wire_op *op)
{
    const int *numbers = (const int *)(const void *)(init->blob + op->data);
    int first = WIRE_FD_FIRST + (int)init->plan->n_slots, count = (int)op->number[0], r;

    for (int i = 0; i < count; i++)
        first = numbers[i] >= first ? numbers[i] + 1 : first;
    r = move_up(init, &init->socket, first);
    if (r == 0)
        r = move_up(init, &init->root, first);
    for (int i = 0; r == 0 && i < (int)init->plan->n_slots; i++)
        r = move_up(init, &init->slots[i], first);
    for (int i = 0; r == 0 && i < count; i++)
        if (dup2(init->slots[op->slot + i], numbers[i]) < 0)
            r = init_fail(init, "dup2", "descriptor to preserve", -errno);
    return r;
}
