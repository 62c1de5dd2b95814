/* The system call filter. With a listener, its descriptor has to be sent by somebody whom the filter does not judge: the
 * first call of ours might be one that waits for the very process that the descriptor is for. */
#include "init.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <lcsys/raw.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

#define HELPER_STACK ((size_t)16 * 1024)

enum { NO_LISTENER_YET = -1, NO_LISTENER = -2 };

struct helper {
    struct init *init;
    bool says_ready;
    int listener, done; /* each written by one side, read by the other */
};

/* A thread, so that execve ends it with no trace. It shares errno with us, who do nothing meanwhile. */
static int help(void *data)
{
    const struct timespec pause = { .tv_nsec = 20000 };
    struct wire_message notify = { .type = WIRE_NOTIFY }, ready = { .type = WIRE_READY };
    struct helper *helper = data;
    int listener;

    while ((listener = __atomic_load_n(&helper->listener, __ATOMIC_ACQUIRE)) == NO_LISTENER_YET)
        (void)sys_raw(SYS_nanosleep, (long)&pause, 0, 0, 0, 0);
    if (listener >= 0 && (wire_send(helper->init->socket, &notify, listener) < 0 ||
                                 (helper->says_ready && wire_send(helper->init->socket, &ready, -1) < 0)))
        (void)sys_raw(SYS_exit_group, 1, 0, 0, 0, 0);
    __atomic_store_n(&helper->done, 1, __ATOMIC_RELEASE);
    return 0;
}

static int start_helper(struct init *init, struct helper *helper)
{
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
        .stack_size = HELPER_STACK,
    };
    void *stack =
            mmap(NULL, HELPER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    long pid;

    if (stack == MAP_FAILED)
        return init_fail(init, "mmap", "stack of the helper", -errno);
    args.stack = (uint64_t)(uintptr_t)stack;
    pid = sys_clone3_call(&args, help, helper);
    return pid < 0 ? init_fail(init, "clone3", "helper for the listener", (int)pid) : 0;
}

/* Without no_new_privs a filter takes CAP_SYS_ADMIN, which CAPABILITIES has left among the permitted ones. */
static bool raise_admin(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2];

    if (syscall(SYS_capget, &header, sets) < 0)
        return false;
    sets[0].effective |= sets[0].permitted & 1u << CAP_SYS_ADMIN;
    return syscall(SYS_capset, &header, sets) == 0;
}

static long load(const struct init *init, const struct wire_op *op)
{
    const struct sock_fprog program = { .len = (unsigned short)(op->data_length / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(uintptr_t)(init->blob + op->data) };
    /* There is one thread, apart from the helper, which must not be filtered. */
    unsigned long flags = (unsigned long)op->number[0] & ~SECCOMP_FILTER_FLAG_TSYNC;
    long result;

    if (op->number[1] != 0)
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (result < 0 && errno == EACCES && raise_admin())
        result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return result < 0 ? -errno : result;
}

/* A flag that the kernel knows gets as far as looking for the filter. */
static void name_unknown_flag(struct init *init, uint64_t flags)
{
    static const struct {
        unsigned long flag, with;
        const char *name;
    } rows[] = {
        { SECCOMP_FILTER_FLAG_LOG, 0, "SECCOMP_FILTER_FLAG_LOG" },
        { SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0, "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
        { SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, "SECCOMP_FILTER_FLAG_NEW_LISTENER" },
        { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((flags & rows[i].flag) == 0 ||
                syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, rows[i].flag | rows[i].with, NULL) == 0 ||
                errno == EFAULT)
            continue;
        init_detail(init, "the kernel does not know ");
        init_detail(init, rows[i].name);
        return;
    }
    if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0 &&
            (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0)
        init_detail(init, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for filters that notify");
}

int init_load_filter(struct init *init, const struct wire_op *op)
{
    static struct helper helper;
    bool notifies = op->number[1] != 0;
    long result;
    int r = 0;

    helper = (struct helper){ .init = init, .says_ready = op->number[2] != 0, .listener = NO_LISTENER_YET };
    if (notifies)
        r = start_helper(init, &helper);
    if (r < 0)
        return r;
    result = load(init, op);
    if (notifies) {
        __atomic_store_n(&helper.listener, result >= 0 ? (int)result : NO_LISTENER, __ATOMIC_RELEASE);
        /* No system call, not even to wait: it would be judged. */
        while (__atomic_load_n(&helper.done, __ATOMIC_ACQUIRE) == 0)
            continue;
    }
    if (result >= 0)
        return 0;
    if (result == -EINVAL)
        name_unknown_flag(init, op->number[0] | (notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0));
    if (result == -ENOSYS)
        init_detail(init, "the kernel has no filters for system calls");
    if (result == -EBUSY)
        init_detail(init, "there is a filter with a listener already");
    if (result == -EACCES)
        init_detail(init, "without noNewPrivileges it takes CAP_SYS_ADMIN");
    return init_fail(init, "seccomp", NULL, (int)result);
}

int init_filter_hook(const struct init *init, const struct wire_op *op)
{
    long result = load(init, op);

    return result < 0 ? (int)result : 0;
}

int step_seccomp(struct init *init, const struct wire_op *op)
{
    if (op->number[2] == 0)
        return init_load_filter(init, op);
    init->filter = op;
    return 0;
}
