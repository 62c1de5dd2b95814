/* rtnetlink framing: bytes as they go out, and answers as no kernel would send them. */
#include "unit.h"

#include <lcsys/netlink.h>

#include <errno.h>

#define SEQUENCE 7

static void golden_bytes(void **state)
{
    /* Little-endian, as all machines that we build for. */
    static const unsigned char expected[] = {
        0x48, 0, 0, 0, 0x10, 0, 0x05, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, /* RTM_NEWLINK, REQUEST|ACK|CREATE|EXCL */
        0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0x01, 0, 0, 0,       /* ifinfomsg: IFF_UP, changed */
        0x07, 0, 0x03, 0, 'a', 'b', 0, 0,                           /* IFLA_IFNAME "ab", padded */
        0x08, 0, 0x04, 0, 0xdc, 0x05, 0, 0,                         /* IFLA_MTU 1500 */
        0x18, 0, 0x12, 0,                                           /* IFLA_LINKINFO, 24 bytes */
        0x09, 0, 0x01, 0, 'v', 'e', 't', 'h', 0, 0, 0, 0,           /* IFLA_INFO_KIND */
        0xff, 0xff, 0, 0, 0, 0, 0, 0,                               /* raw, 5 bytes padded to 8 */
    };
    struct netlink_message message;
    struct ifinfomsg *link;
    struct rtattr *nest;
    char *raw;

    (void)state;
    memset(&message, 0xaa, sizeof(message));
    link = netlink_begin(&message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*link));
    assert_ptr_equal(link, NLMSG_DATA(&message.header));
    link->ifi_flags = link->ifi_change = 1;
    netlink_attr_string(&message, IFLA_IFNAME, "ab");
    netlink_attr_u32(&message, IFLA_MTU, 1500);
    nest = netlink_nest(&message, IFLA_LINKINFO);
    netlink_attr_string(&message, IFLA_INFO_KIND, "veth");
    raw = netlink_raw(&message, 5);
    memset(raw, 0xff, 2);
    netlink_nest_end(&message, nest);
    assert_false(message.failed);
    assert_int_equal(message.header.nlmsg_len, sizeof(expected));
    assert_memory_equal(message.bytes, expected, sizeof(expected));
}

static void overflow_is_sticky(void **state)
{
    struct {
        struct netlink_message message;
        char guard[64];
    } room;
    char big[sizeof(room.message.bytes) + 64];
    struct netlink_message *message = &room.message;
    uint32_t before;

    (void)state;
    memset(big, 1, sizeof(big));
    memset(room.guard, 0x55, sizeof(room.guard));
    (void)netlink_begin(message, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
    /* Exactly full: 2048 - 32 of headers - 4 of the attribute. */
    netlink_attr(message, 1, big, sizeof(message->bytes) - 36);
    assert_false(message->failed);
    assert_int_equal(message->header.nlmsg_len, sizeof(message->bytes));
    netlink_attr(message, 1, NULL, 0);
    assert_true(message->failed);
    assert_null(netlink_nest(message, 2));
    netlink_nest_end(message, NULL);
    assert_null(netlink_raw(message, 0));

    for (size_t length = 2012; length < sizeof(big); length++) {
        (void)netlink_begin(message, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
        assert_false(message->failed);
        before = message->header.nlmsg_len;
        netlink_attr(message, 1, big, length);
        assert_int_equal(message->failed, length > 2012);
        if (message->failed)
            assert_int_equal(message->header.nlmsg_len, before);
    }
    (void)netlink_begin(message, RTM_NEWLINK, 0, 0);
    netlink_attr(message, 1, big, (size_t)-3);
    assert_true(message->failed);
    assert_null(netlink_begin(message, RTM_NEWLINK, 0, (size_t)-1));
    assert_true(message->failed);
    for (size_t i = 0; i < sizeof(room.guard); i++)
        assert_int_equal(room.guard[i], 0x55);
}

static void find_attribute(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint16_t type;
        int expected; /* length of the payload; -1: NULL */
    } rows[] = {
        { "\x05\0\x01\0x\0\0\0\x04\0\x02\0", 12, 1, 1 },
        { "\x05\0\x01\0x\0\0\0\x04\0\x02\0", 12, 2, 0 },
        { "\x05\0\x01\0x\0\0\0\x04\0\x02\0", 12, 3, -1 },
        { "\x05\0\x01\0x\0\0\0\x04\0\x02\0", 11, 2, -1 }, /* cut inside the second header */
        { "\x05\0\x01\x80x", 5, 1, 1 },                   /* NLA_F_NESTED; the last one lacks its padding */
        { "\x05\0\x01\0x", 5, 2, -1 },
        { "\x03\0\x01\0", 4, 1, -1 },     /* shorter than its header */
        { "\0\0\x01\0", 4, 2, -1 },       /* would never move on */
        { "\x09\0\x01\0abcd", 8, 1, -1 }, /* longer than what is there */
        { "", 0, 0, -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t length = 99;
        const void *found = netlink_find(rows[i].bytes, rows[i].length, rows[i].type, &length);

        assert_int_equal(found != NULL, rows[i].expected >= 0);
        assert_int_equal(length, found != NULL ? rows[i].expected : 99);
    }
}

/* Builds an answer: header, the error number, and what follows it. */
struct answer_row {
    const char *what;
    uint16_t type, flags;
    uint32_t sequence;
    int error;
    size_t body;   /* bytes after the header; the error is cut to it */
    size_t length; /* nlmsg_len, 0: right */
    int expected;
};

static void read_answers(void **state)
{
    static const struct answer_row rows[] = {
        { "acknowledged", NLMSG_ERROR, NLM_F_CAPPED, SEQUENCE, 0, 20, 0, 0 },
        { "refused", NLMSG_ERROR, NLM_F_CAPPED, SEQUENCE, -EEXIST, 20, 0, -EEXIST },
        { "of another request", NLMSG_ERROR, 0, SEQUENCE - 1, -EEXIST, 20, 0, 1 },
        { "end of a dump", NLMSG_DONE, NLM_F_MULTI, SEQUENCE, 0, 4, 0, 0 },
        { "a dump that failed", NLMSG_DONE, NLM_F_MULTI, SEQUENCE, -EACCES, 4, 0, -EACCES },
        { "an end without a number", NLMSG_DONE, NLM_F_MULTI, SEQUENCE, 0, 0, 0, 0 },
        { "no-op", NLMSG_NOOP, 0, SEQUENCE, 0, 4, 0, 1 },
        { "overrun", NLMSG_OVERRUN, 0, SEQUENCE, 0, 4, 0, -ENOBUFS },
        { "error without a number", NLMSG_ERROR, 0, SEQUENCE, 0, 0, 0, -EBADMSG },
        { "error cut", NLMSG_ERROR, 0, SEQUENCE, -EPERM, 19, 0, -EBADMSG },
        { "positive error", NLMSG_ERROR, 0, SEQUENCE, 5, 20, 0, -EBADMSG },
        { "no errno at all", NLMSG_ERROR, 0, SEQUENCE, -4096, 20, 0, -EBADMSG },
        { "header too short", NLMSG_ERROR, 0, SEQUENCE, 0, 20, 15, -EBADMSG },
        { "zero length", NLMSG_NOOP, 0, SEQUENCE, 0, 20, SIZE_MAX, -EBADMSG },
        { "longer than the datagram", NLMSG_ERROR, 0, SEQUENCE, 0, 20, 37, -EBADMSG },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct answer_row *row = &rows[i];
        struct nlmsghdr header = {
            .nlmsg_type = row->type, .nlmsg_flags = row->flags, .nlmsg_seq = row->sequence
        };
        struct netlink_answer answer = { .sequence = SEQUENCE };
        char bytes[64] = "";
        int result;

        header.nlmsg_len =
                row->length == SIZE_MAX ? 0 : (uint32_t)(row->length != 0 ? row->length : 16 + row->body);
        memcpy(bytes, &header, sizeof(header));
        memcpy(bytes + 16, &row->error, sizeof(row->error));
        result = netlink_read(bytes, 16 + row->body, &answer);
        if (result != row->expected)
            fail_msg("%s: %d instead of %d", row->what, result, row->expected);
    }
}

static size_t add_message(char *out, size_t at, const struct nlmsghdr *header, const void *body)
{
    memcpy(out + at, header, sizeof(*header));
    memcpy(out + at + sizeof(*header), body, header->nlmsg_len - sizeof(*header));
    return at + NLMSG_ALIGN(header->nlmsg_len);
}

static void first_reply_is_kept(void **state)
{
    struct nlmsghdr part = { .nlmsg_len = 19, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_MULTI };
    struct nlmsghdr done = { .nlmsg_len = 20, .nlmsg_type = NLMSG_DONE, .nlmsg_seq = SEQUENCE };
    char bytes[128] = "", reply[32];
    struct netlink_answer answer = { .sequence = SEQUENCE, .reply = reply, .room = sizeof(reply) };
    size_t length;

    (void)state;
    length = add_message(bytes, 0, &part, "not");
    part.nlmsg_seq = SEQUENCE;
    length = add_message(bytes, length, &part, "one");
    length = add_message(bytes, length, &part, "two");
    assert_int_equal(netlink_read(bytes, length, &answer), 1);
    length = add_message(bytes, length, &done, "\0\0\0\0");
    answer.length = 0;
    assert_int_equal(netlink_read(bytes, length, &answer), 0);
    assert_int_equal(answer.length, 19);
    assert_memory_equal(reply + 16, "one", 3);

    answer = (struct netlink_answer){ .sequence = SEQUENCE, .reply = reply, .room = 18 };
    assert_int_equal(netlink_read(bytes, length, &answer), -EMSGSIZE);
    /* Cut anywhere, nothing is read behind the end: the sanitizer watches a copy of exactly that size. */
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = test_malloc(cut);

        memcpy(copy, bytes, cut);
        answer = (struct netlink_answer){ .sequence = SEQUENCE };
        assert_int_not_equal(netlink_read(copy, cut, &answer), 0);
        test_free(copy);
    }
}

static void extended_text(void **state)
{
    static const struct {
        uint16_t flags;
        uint32_t echoed; /* nlmsg_len of the request that the kernel repeats */
        size_t text_size, attribute;
        const char *expected;
    } rows[] = {
        { NLM_F_CAPPED | NLM_F_ACK_TLVS, 99, 32, 20, "no such" },
        { NLM_F_CAPPED | NLM_F_ACK_TLVS, 99, 4, 20, "no " }, { NLM_F_CAPPED | NLM_F_ACK_TLVS, 99, 1, 20, "" },
        { NLM_F_ACK_TLVS, 24, 32, 28, "no such" }, /* 8 bytes of the request stand in between */
        { NLM_F_ACK_TLVS, 0xfffffff0, 32, 20, "" }, { NLM_F_ACK_TLVS, 0, 32, 20, "no such" },
        { NLM_F_CAPPED, 16, 32, 20, "" }, /* the kernel says that there are none */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct nlmsghdr header = {
            .nlmsg_type = NLMSG_ERROR, .nlmsg_flags = rows[i].flags, .nlmsg_seq = SEQUENCE
        };
        struct nlmsgerr error = { .error = -ENODEV, .msg.nlmsg_len = rows[i].echoed };
        struct rtattr attribute = { .rta_len = 4 + 8, .rta_type = NLMSGERR_ATTR_MSG };
        char bytes[96] = "", text[32] = "";
        struct netlink_answer answer = { .sequence = SEQUENCE, .text = text, .text_size = rows[i].text_size };

        header.nlmsg_len = (uint32_t)(16 + rows[i].attribute + 12);
        memcpy(bytes, &header, sizeof(header));
        memcpy(bytes + 16, &error, sizeof(error));
        memcpy(bytes + 16 + rows[i].attribute, &attribute, sizeof(attribute));
        memcpy(bytes + 16 + rows[i].attribute + 4, "no such", 8);
        assert_int_equal(netlink_read(bytes, header.nlmsg_len, &answer), -ENODEV);
        assert_string_equal(text, rows[i].expected);
    }
}

static void set_index(void **state)
{
    static const struct {
        uint16_t type;
        size_t size;
        bool oif;
        int expected;
        size_t at;
    } rows[] = {
        { RTM_NEWLINK, sizeof(struct ifinfomsg), false, 0, 16 + 4 },
        { RTM_NEWADDR, sizeof(struct ifaddrmsg), false, 0, 16 + 4 },
        { RTM_NEWROUTE, sizeof(struct rtmsg), true, 0, 16 + 12 + 4 },
        { RTM_NEWROUTE, sizeof(struct rtmsg), false, -EBADMSG, 0 },
        { RTM_DELLINK, sizeof(struct ifinfomsg), false, -EBADMSG, 0 },
        { RTM_NEWLINK, 4, false, -EBADMSG, 0 },
        { RTM_NEWADDR, 4, false, -EBADMSG, 0 },
        { RTM_NEWROUTE, 4, false, -EBADMSG, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct netlink_message message;
        uint32_t index = 0;

        (void)netlink_begin(&message, rows[i].type, 0, rows[i].size);
        if (rows[i].oif)
            netlink_attr_u32(&message, RTA_OIF, 0);
        assert_int_equal(
                netlink_set_index(&message.header, message.header.nlmsg_len, 0x01020304), rows[i].expected);
        assert_int_equal(netlink_set_index(&message.header, message.header.nlmsg_len - 1, 1), -EBADMSG);
        if (rows[i].expected == 0) {
            memcpy(&index, message.bytes + rows[i].at, sizeof(index));
            assert_int_equal(index, 0x01020304);
        }
    }
}

/* Reading needs no privilege, and lo is everywhere. */
static void real_socket(void **state)
{
    struct netlink_message message;
    char reply[64];
    size_t length = sizeof(reply);
    int fd = netlink_open();

    (void)state;
    assert_true(fd >= 0);
    assert_true(netlink_link_index(fd, "lo") > 0);
    assert_int_equal(netlink_link_index(fd, "lc-no-such-0"), -ENODEV);
    /* More than we have room for; and the rest of that dump must not disturb the next request. */
    (void)netlink_begin(&message, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    assert_int_equal(netlink_request(fd, &message.header, reply, &length, NULL, 0), -EMSGSIZE);
    assert_int_equal(length, 0);
    assert_true(netlink_link_index(fd, "lo") > 0);
    (void)netlink_begin(&message, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    assert_int_equal(netlink_request(fd, &message.header, NULL, NULL, NULL, 0), 0);
    (void)close(fd);
    assert_int_equal(netlink_link_index(-1, "lo"), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(overflow_is_sticky),
        cmocka_unit_test(find_attribute),
        cmocka_unit_test(read_answers),
        cmocka_unit_test(first_reply_is_kept),
        cmocka_unit_test(extended_text),
        cmocka_unit_test(set_index),
        cmocka_unit_test(real_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
