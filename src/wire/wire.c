#include <wire/wire.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *wire_op_name(enum wire_op_kind kind)
{
    static const char *const names[] = {
#define WIRE_OP_NAME(kind, name) name,
        WIRE_OPS(WIRE_OP_NAME)
#undef WIRE_OP_NAME
    };

    return (unsigned int)kind < WIRE_OP_MAX_ ? names[kind] : "invalid";
}

const char *wire_message_name(enum wire_message_type type)
{
    static const char *const names[] = { "invalid", "MAPPED", "CONSOLE", "CHILD", "UNSHARED", "TREE",
        "NETWORK", "PLACED", "PREPARED", "HOOKED", "CREATED", "START", "NOTIFY", "READY", "ERROR" };

    return (unsigned int)type < sizeof(names) / sizeof(names[0]) ? names[type] : names[0];
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(WIRE_DESCRIPTORS_MAX * sizeof(int))];
};

int wire_send_all(int socket, const struct wire_message *message, const int *fds, size_t count)
{
    struct iovec part = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
    union control control;
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t sent;

    if (count > WIRE_DESCRIPTORS_MAX)
        return -E2BIG;
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return sent == (ssize_t)sizeof(*message) ? 0 : -EIO;
}

int wire_send(int socket, const struct wire_message *message, int fd)
{
    return wire_send_all(socket, message, &fd, fd >= 0);
}

/* The descriptors that came along, at most WIRE_DESCRIPTORS_MAX; returns their number. */
static size_t take_descriptors(const struct msghdr *header, union control *control, int *fds)
{
    size_t count;

    if (header->msg_controllen < CMSG_LEN(0) || control->header.cmsg_level != SOL_SOCKET ||
            control->header.cmsg_type != SCM_RIGHTS)
        return 0;
    count = (control->header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(&control->header), count * sizeof(int));
    return count;
}

int wire_receive_all(
        int socket, struct wire_message *ret_message, int *ret_fds, size_t room, size_t *ret_count)
{
    struct iovec part = { .iov_base = ret_message, .iov_len = sizeof(*ret_message) };
    union control control;
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    int fds[sizeof(control) / sizeof(int)];
    size_t count;
    ssize_t got;

    /* ECONNRESET, once: the other side ended with something from us unread. Its last word is still in the queue. */
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0)
        return -errno;
    if (got == 0)
        return 1;
    count = take_descriptors(&header, &control, fds);
    if (got != (ssize_t)sizeof(*ret_message) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
            count > room) {
        while (count > 0)
            (void)close(fds[--count]);
        return -EBADMSG;
    }
    ret_message->syscall[sizeof(ret_message->syscall) - 1] = '\0';
    ret_message->object[sizeof(ret_message->object) - 1] = '\0';
    ret_message->detail[sizeof(ret_message->detail) - 1] = '\0';
    ret_message->pointer[sizeof(ret_message->pointer) - 1] = '\0';
    if (count > 0)
        memcpy(ret_fds, fds, count * sizeof(int));
    *ret_count = count;
    return 0;
}

int wire_receive(int socket, struct wire_message *ret_message, int *ret_fd)
{
    int fd = -1;
    size_t count;
    int r = wire_receive_all(socket, ret_message, &fd, ret_fd != NULL, &count);

    if (r == 0 && ret_fd != NULL)
        *ret_fd = fd;
    return r;
}

static int range_check(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* Ops that cannot do without a slot, and those that fill one. */
static int slots_check(const struct wire_op *op, uint32_t n_slots)
{
    if (op->slot >= (int32_t)n_slots || op->slot < -1)
        return 0;
    if (op->kind == WIRE_OP_SOURCE || op->kind == WIRE_OP_TREE)
        return op->number[1] < n_slots;
    if (op->kind == WIRE_OP_PRESERVE)
        return op->slot >= 0 && op->number[0] <= n_slots - (uint32_t)op->slot &&
               op->data_length == op->number[0] * sizeof(int32_t);
    return op->slot >= 0 || (op->kind != WIRE_OP_SETNS && op->kind != WIRE_OP_BIND &&
                                    op->kind != WIRE_OP_JOIN_ROOT && op->kind != WIRE_OP_RUN_HOOKS);
}

int wire_plan_check(const void *blob, size_t size)
{
    const struct wire_plan *plan = blob;
    const struct wire_op *ops;

    if (size < sizeof(*plan) || plan->magic != WIRE_MAGIC || plan->size != size ||
            ((const char *)blob)[size - 1] != '\0' || plan->n_given > plan->n_slots || plan->n_slots > 4096 ||
            plan->ops % _Alignof(struct wire_op) != 0 ||
            !range_check(plan->ops, (uint64_t)plan->n_ops * sizeof(struct wire_op), size))
        return -EBADMSG;
    ops = (const struct wire_op *)((const char *)blob + plan->ops);
    for (uint32_t i = 0; i < plan->n_ops; i++) {
        if (ops[i].kind >= WIRE_OP_MAX_ || !slots_check(&ops[i], plan->n_slots) || ops[i].data % 8 != 0 ||
                !range_check(ops[i].data, ops[i].data_length, size))
            return -EBADMSG;
        for (int t = 0; t < 4; t++)
            if (ops[i].text[t] >= size)
                return -EBADMSG;
    }
    return 0;
}
