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
        "NETWORK", "GROUP", "PLACED", "PREPARED", "HOOKED", "CREATED", "START", "NOTIFY", "READY", "ERROR" };

    return (unsigned int)type < sizeof(names) / sizeof(names[0]) ? names[type] : names[0];
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int wire_send(int socket, const struct wire_message *message, int fd)
{
    struct iovec part = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
    union control control;
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t sent;

    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        header.msg_control = &control;
        header.msg_controllen = sizeof(control);
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return sent == (ssize_t)sizeof(*message) ? 0 : -EIO;
}

/* The descriptors that came along: with one, *ret_fd is it; more than one are closed. Returns their number. */
static int take_descriptors(const struct msghdr *header, union control *control, int *ret_fd)
{
    int count, fd;

    if (header->msg_controllen < CMSG_LEN(0) || control->header.cmsg_level != SOL_SOCKET ||
            control->header.cmsg_type != SCM_RIGHTS)
        return 0;
    count = (int)((control->header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < count; i++) {
        memcpy(&fd, CMSG_DATA(&control->header) + (size_t)i * sizeof(int), sizeof(int));
        if (count == 1)
            *ret_fd = fd;
        else
            (void)close(fd);
    }
    return count;
}

int wire_receive(int socket, struct wire_message *ret_message, int *ret_fd)
{
    struct iovec part = { .iov_base = ret_message, .iov_len = sizeof(*ret_message) };
    union control control;
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t got;
    int fd = -1, count;

    /* ECONNRESET, once: the other side ended with something from us unread. Its last word is still in the queue. */
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0)
        return -errno;
    if (got == 0)
        return 1;
    count = take_descriptors(&header, &control, &fd);
    if (got != (ssize_t)sizeof(*ret_message) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
            count > 1 || (count == 1 && ret_fd == NULL)) {
        if (count == 1)
            (void)close(fd);
        return -EBADMSG;
    }
    ret_message->syscall[sizeof(ret_message->syscall) - 1] = '\0';
    ret_message->object[sizeof(ret_message->object) - 1] = '\0';
    ret_message->detail[sizeof(ret_message->detail) - 1] = '\0';
    ret_message->pointer[sizeof(ret_message->pointer) - 1] = '\0';
    if (ret_fd != NULL)
        *ret_fd = fd;
    return 0;
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
