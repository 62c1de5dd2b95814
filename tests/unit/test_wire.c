/* The plan blob with every offset and size broken in turn, and messages that do not come as they should. */
#include "unit.h"

#include <wire/wire.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define N_OPS 3
#define BODY 16

/* A good blob; built by hand, so that each part can be damaged. */
struct blob {
    struct wire_plan plan;
    char body[BODY];
    struct wire_op ops[N_OPS];
    char end[8];
};

static struct blob good_blob(void)
{
    struct blob blob = { .plan = { .magic = WIRE_MAGIC,
                                 .size = sizeof(blob),
                                 .n_ops = N_OPS,
                                 .ops = offsetof(struct blob, ops),
                                 .n_slots = 4,
                                 .n_given = 2 },
        .body = "text\0more\0data" };

    for (size_t i = 0; i < N_OPS; i++)
        blob.ops[i] = (struct wire_op){ .kind = WIRE_OP_EXEC,
            .slot = -1,
            .text = { offsetof(struct blob, body), 0, 0, sizeof(blob) - 1 },
            .data = offsetof(struct blob, body) + 8,
            .data_length = 4 };
    return blob;
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(wire_op_name(WIRE_OP_SETNS), "setns");
    assert_string_equal(wire_op_name(WIRE_OP_EXEC), "exec");
    assert_string_equal(wire_op_name(WIRE_OP_MAX_), "invalid");
    assert_string_equal(wire_op_name((enum wire_op_kind) - 1), "invalid");
    assert_string_equal(wire_message_name(WIRE_MAPPED), "MAPPED");
    assert_string_equal(wire_message_name(WIRE_ERROR), "ERROR");
    assert_string_equal(wire_message_name((enum wire_message_type)(WIRE_ERROR + 1)), "invalid");
    assert_string_equal(wire_message_name((enum wire_message_type)0), "invalid");
    for (int kind = 0; kind < WIRE_OP_MAX_; kind++)
        assert_string_not_equal(wire_op_name((enum wire_op_kind)kind), "invalid");
}

/* Sets `width` bytes at `offset` of the blob to `value`. */
struct damage {
    const char *what;
    size_t offset, width;
    uint64_t value;
    int result;
};

#define PLAN(member, value, result)                                                                          \
    {                                                                                                        \
        "plan." #member " = " #value, offsetof(struct blob, plan.member),                                    \
                sizeof(((struct blob *)0)->plan.member), (uint64_t)(value), result                           \
    }
#define LAST_OP(member, value, result)                                                                       \
    {                                                                                                        \
        "op." #member " = " #value, offsetof(struct blob, ops[N_OPS - 1].member),                            \
                sizeof(((struct blob *)0)->ops[0].member), (uint64_t)(value), result                         \
    }
#define SIZE sizeof(struct blob)
#define OPS offsetof(struct blob, ops)

static const struct damage damages[] = {
    PLAN(magic, 0, -EBADMSG),
    PLAN(magic, WIRE_MAGIC + 1, -EBADMSG),
    PLAN(size, 0, -EBADMSG),
    PLAN(size, SIZE - 1, -EBADMSG),
    PLAN(size, SIZE + 1, -EBADMSG),
    PLAN(size, UINT32_MAX, -EBADMSG),
    PLAN(n_ops, 0, 0),
    PLAN(n_ops, N_OPS - 1, 0),
    PLAN(n_ops, N_OPS + 1, -EBADMSG),
    PLAN(n_ops, UINT32_MAX, -EBADMSG),
    PLAN(n_ops, UINT32_MAX / sizeof(struct wire_op) + 1, -EBADMSG), /* wraps around in 32 bits */
    PLAN(ops, OPS + 1, -EBADMSG),
    PLAN(ops, OPS + 4, -EBADMSG),
    PLAN(ops, SIZE, -EBADMSG),
    PLAN(ops, UINT32_MAX - 7, -EBADMSG),
    PLAN(n_slots, 1, -EBADMSG), /* fewer than given */
    PLAN(n_slots, 2, 0),
    PLAN(n_slots, 4096, 0),
    PLAN(n_slots, 4097, -EBADMSG),
    PLAN(n_slots, UINT32_MAX, -EBADMSG),
    PLAN(n_given, 4, 0),
    PLAN(n_given, 5, -EBADMSG),
    PLAN(n_given, UINT32_MAX, -EBADMSG),
    LAST_OP(kind, WIRE_OP_MAX_ - 1, 0),
    LAST_OP(kind, WIRE_OP_MAX_, -EBADMSG),
    LAST_OP(kind, UINT16_MAX, -EBADMSG),
    LAST_OP(slot, 0, 0),
    LAST_OP(slot, 3, 0),
    LAST_OP(slot, 4, -EBADMSG),
    LAST_OP(slot, INT16_MAX, -EBADMSG),
    LAST_OP(slot, -2, -EBADMSG),
    LAST_OP(slot, INT16_MIN, -EBADMSG),
    LAST_OP(text[0], SIZE - 1, 0),
    LAST_OP(text[0], SIZE, -EBADMSG),
    LAST_OP(text[1], SIZE, -EBADMSG),
    LAST_OP(text[2], SIZE, -EBADMSG),
    LAST_OP(text[3], SIZE, -EBADMSG),
    LAST_OP(text[3], UINT32_MAX, -EBADMSG),
    LAST_OP(data, 0, 0),
    LAST_OP(data, 4, -EBADMSG),
    LAST_OP(data, 1, -EBADMSG),
    LAST_OP(data, SIZE - SIZE % 8, -EBADMSG),
    LAST_OP(data, UINT32_MAX - 7, -EBADMSG),
    LAST_OP(data_length, 0, 0),
    LAST_OP(data_length, SIZE - offsetof(struct blob, body) - 8, 0),
    LAST_OP(data_length, SIZE - offsetof(struct blob, body) - 7, -EBADMSG),
    LAST_OP(data_length, UINT32_MAX, -EBADMSG),
};

static void broken_blobs(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
        struct blob blob = good_blob();
        int result;

        memcpy((char *)&blob + damages[i].offset, &damages[i].value, damages[i].width);
        result = wire_plan_check(&blob, sizeof(blob));
        if (result == damages[i].result)
            continue;
        print_error("%s: %d\n", damages[i].what, result);
        wrong++;
    }
    ASSERT_ROWS(wrong);
}

/* Every shorter blob, in memory of exactly that size so that the sanitizer sees a read too far. */
static void short_blobs(void **state)
{
    const struct blob blob = good_blob();

    (void)state;
    assert_int_equal(wire_plan_check(&blob, sizeof(blob)), 0);
    for (size_t size = 0; size < sizeof(blob); size++) {
        struct wire_plan *copy = malloc(size + !size);

        memcpy(copy, &blob, size);
        assert_int_equal(wire_plan_check(copy, size), -EBADMSG);
        if (size >= sizeof(*copy)) {
            copy->size = (uint32_t)size;
            assert_int_equal(wire_plan_check(copy, size), -EBADMSG);
        }
        free(copy);
    }
}

static void last_byte_must_end_strings(void **state)
{
    struct blob blob = good_blob();

    (void)state;
    blob.end[sizeof(blob.end) - 1] = 'x';
    assert_int_equal(wire_plan_check(&blob, sizeof(blob)), -EBADMSG);
}

struct pair {
    int a, b;
};

static int make_pair(void **state)
{
    static struct pair pair;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -1;
    pair = (struct pair){ fds[0], fds[1] };
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    fd_close(&pair->a);
    fd_close(&pair->b);
    return 0;
}

static struct wire_message full_message(void)
{
    struct wire_message message = {
        .type = WIRE_ERROR, .op = 7, .errnum = ENOENT, .pid = 42, .outcome = WIRE_NOT_FOUND
    };

    memset(message.syscall, 's', sizeof(message.syscall));
    memset(message.object, 'o', sizeof(message.object));
    memset(message.detail, 'd', sizeof(message.detail));
    return message;
}

static void message_passes(void **state)
{
    const struct pair *pair = *state;
    struct wire_message sent = full_message(), got;
    int fd = 99;

    assert_int_equal(wire_send(pair->a, &sent, -1), 0);
    assert_int_equal(wire_receive(pair->b, &got, &fd), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(got.type, WIRE_ERROR);
    assert_int_equal(got.op, 7);
    assert_int_equal(got.errnum, ENOENT);
    assert_int_equal(got.pid, 42);
    assert_int_equal(got.outcome, WIRE_NOT_FOUND);
    /* Whatever the other side sent, these are strings. */
    assert_int_equal(strlen(got.syscall), sizeof(got.syscall) - 1);
    assert_int_equal(strlen(got.object), sizeof(got.object) - 1);
    assert_int_equal(strlen(got.detail), sizeof(got.detail) - 1);
}

static int open_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void descriptor_passes(void **state)
{
    const struct pair *pair = *state;
    const struct wire_message sent = { .type = WIRE_CONSOLE };
    CLEAN_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEAN_FD int got_fd = -1;
    struct wire_message got;
    struct stat before, after;

    assert_int_equal(wire_send(pair->a, &sent, file), 0);
    assert_int_equal(wire_receive(pair->b, &got, &got_fd), 0);
    assert_true(got_fd >= 0 && got_fd != file);
    assert_int_equal(fcntl(got_fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fstat(file, &before) | fstat(got_fd, &after), 0);
    assert_int_equal(before.st_rdev, after.st_rdev);
}

static void unwanted_descriptor_is_closed(void **state)
{
    const struct pair *pair = *state;
    const struct wire_message sent = { .type = WIRE_READY };
    struct wire_message got;
    int before = open_fds();

    assert_int_equal(wire_send(pair->a, &sent, STDIN_FILENO), 0);
    assert_int_equal(wire_receive(pair->b, &got, NULL), -EBADMSG);
    assert_int_equal(open_fds(), before);
}

/* Sends raw bytes with `count` descriptors. */
static void send_raw(int socket, const void *data, size_t length, size_t count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = { 0 };
    struct iovec part = { (void *)data, length };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

    if (count > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memset(CMSG_DATA(&control.header), 0, count * sizeof(int)); /* standard input, that many times */
    }
    assert_int_equal(sendmsg(socket, &header, MSG_NOSIGNAL), (ssize_t)length);
}

static void wrong_messages(void **state)
{
    static const struct {
        size_t length, fds;
    } rows[] = {
        { 1, 0 },
        { 4, 0 },
        { sizeof(struct wire_message) - 1, 0 },
        { sizeof(struct wire_message) + 1, 0 }, /* would be cut */
        { 2 * sizeof(struct wire_message), 0 },
        { 1, 1 },
        { sizeof(struct wire_message) + 1, 1 },
        { sizeof(struct wire_message), 3 }, /* more descriptors than are wanted */
        { sizeof(struct wire_message), 4 },
    };
    static const char bytes[2 * sizeof(struct wire_message)];
    const struct pair *pair = *state;
    int before = open_fds();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct wire_message got;
        int fd = 99;

        send_raw(pair->a, bytes, rows[i].length, rows[i].fds);
        if (wire_receive(pair->b, &got, &fd) != -EBADMSG)
            fail_msg("row %zu was taken", i);
        assert_int_equal(fd, 99); /* untouched */
        if (open_fds() != before)
            fail_msg("row %zu left a descriptor open", i);
    }
}

/* All in one message, in their order; one too many is not a message of ours. */
static void descriptors_pass(void **state)
{
    const struct pair *pair = *state;
    const struct wire_message sent = { .type = WIRE_PLACED };
    int fds[WIRE_DESCRIPTORS_MAX + 1], got_fds[WIRE_DESCRIPTORS_MAX], before = open_fds();
    struct wire_message got;
    size_t count = 99;

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = i % 2 != 0 ? pair->a : pair->b;
    assert_int_equal(wire_send_all(pair->a, &sent, fds, ARRAY_SIZE(fds)), -E2BIG);
    assert_int_equal(wire_send_all(pair->a, &sent, fds, WIRE_DESCRIPTORS_MAX), 0);
    assert_int_equal(wire_receive_all(pair->b, &got, got_fds, ARRAY_SIZE(got_fds), &count), 0);
    assert_int_equal(count, WIRE_DESCRIPTORS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct stat one, other;

        assert_int_equal(fstat(fds[i], &one) | fstat(got_fds[i], &other), 0);
        assert_int_equal(one.st_ino, other.st_ino);
        assert_int_equal(fcntl(got_fds[i], F_GETFD), FD_CLOEXEC);
        (void)close(got_fds[i]);
    }
    assert_int_equal(wire_send_all(pair->a, &sent, fds, WIRE_DESCRIPTORS_MAX), 0);
    assert_int_equal(wire_receive_all(pair->b, &got, got_fds, WIRE_DESCRIPTORS_MAX - 1, &count), -EBADMSG);
    assert_int_equal(open_fds(), before);
    assert_int_equal(wire_send_all(pair->a, &sent, NULL, 0), 0);
    assert_int_equal(wire_receive_all(pair->b, &got, got_fds, ARRAY_SIZE(got_fds), &count), 0);
    assert_int_equal(count, 0);
}

/* On x86-64 CMSG_SPACE(4) has room for two descriptors: the second must not be lost in our table. */
static void second_descriptor(void **state)
{
    static const char bytes[sizeof(struct wire_message)];
    const struct pair *pair = *state;
    int before = open_fds(), fd = -1, result;
    struct wire_message got;

    send_raw(pair->a, bytes, sizeof(bytes), 2);
    result = wire_receive(pair->b, &got, &fd);
    fd_close(&fd);
    assert_int_equal(open_fds(), before);
    assert_int_equal(result, -EBADMSG);
}

static void end_of_file(void **state)
{
    struct pair *pair = *state;
    struct wire_message got = { 0 };
    int fd = 99;

    assert_int_equal(wire_receive(pair->b, &got, &fd), -EAGAIN);
    assert_int_equal(wire_send(pair->a, &got, -1), 0);
    fd_close(&pair->a);
    assert_int_equal(wire_receive(pair->b, &got, &fd), 0); /* what was sent before is still read */
    assert_int_equal(wire_receive(pair->b, &got, &fd), 1);
    assert_int_equal(wire_send(pair->b, &got, -1), -EPIPE); /* and no SIGPIPE */
}

/* Closing with unread data makes a reset of it; the reader sees the end all the same. */
static void reset_is_the_end(void **state)
{
    struct pair *pair = *state;
    struct wire_message message = { 0 };

    assert_int_equal(wire_send(pair->b, &message, -1), 0);
    fd_close(&pair->a);
    assert_int_equal(wire_receive(pair->b, &message, NULL), 1);
}

static void bad_sockets(void **state)
{
    struct wire_message message = { 0 };

    (void)state;
    assert_int_equal(wire_send(-1, &message, -1), -EBADF);
    assert_int_equal(wire_receive(-1, &message, NULL), -EBADF);
}

#define ON_PAIR(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(broken_blobs),
        cmocka_unit_test(short_blobs),
        cmocka_unit_test(last_byte_must_end_strings),
        ON_PAIR(message_passes),
        ON_PAIR(descriptor_passes),
        ON_PAIR(unwanted_descriptor_is_closed),
        ON_PAIR(wrong_messages),
        ON_PAIR(descriptors_pass),
        ON_PAIR(second_descriptor),
        ON_PAIR(end_of_file),
        ON_PAIR(reset_is_the_end),
        cmocka_unit_test(bad_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
