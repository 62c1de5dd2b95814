/* rtnetlink framing, bounds-checked, no heap: shared by the parent (building, host side) and the static child
 * (sending, inside). Debian ships no static libmnl, and neither the child nor the static nsinit can load a shared one. */
#ifndef LCSYS_NETLINK_H
#define LCSYS_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* A message under construction in a caller-owned buffer; `failed` is set when it does not fit. */
struct netlink_message {
    union {
        struct nlmsghdr header;
        char bytes[2048];
    };
    int failed;
};

/* Starts a message: type, flags (NLM_F_REQUEST is added), and a zeroed family header of `size` bytes, returned. */
void *netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, size_t size);
void netlink_attr(struct netlink_message *message, uint16_t type, const void *data, size_t length);
void netlink_attr_u32(struct netlink_message *message, uint16_t type, uint32_t value);
void netlink_attr_string(struct netlink_message *message, uint16_t type, const char *text); /* with NUL */
struct rtattr *netlink_nest(struct netlink_message *message, uint16_t type);
void netlink_nest_end(struct netlink_message *message, struct rtattr *nest);
/* Reserves zeroed raw bytes inside a nest (a struct ifinfomsg of a veth peer). NULL when full. */
void *netlink_raw(struct netlink_message *message, size_t length);

int netlink_open(void); /* AF_NETLINK/NETLINK_ROUTE, CLOEXEC; fd or -errno */
/* Sends one request with NLM_F_ACK and waits for its acknowledgement: 0 or -errno. `reply` (may be NULL) receives the
 * first non-ack message, *reply_length its length. `text` (may be NULL) receives the kernel's extended error text.
 * On entry *reply_length is the room in `reply`; without any reply it becomes 0. A longer reply is -EMSGSIZE. */
int netlink_request(
        int fd, struct nlmsghdr *request, void *reply, size_t *reply_length, char *text, size_t text_size);

/* Asks for a list and gives every message of the answer to `each`. One that the kernel interrupted, because the list changed
 * meanwhile, is -EINTR: what was given so far does not count. `each` returns 0, or the -errno that ends it. */
typedef int netlink_each(void *data, const struct nlmsghdr *message, size_t length);
int netlink_dump(int fd, struct nlmsghdr *request, netlink_each *each, void *data);

/* What netlink_read looks for in the kernel's datagrams, and where it puts what it finds. */
struct netlink_answer {
    uint32_t sequence; /* messages with another one are skipped */
    void *reply;       /* NULL: not wanted */
    size_t room, length;
    char *text; /* NULL: not wanted */
    size_t text_size;
    netlink_each *each; /* NULL: not wanted; instead of `reply` */
    void *each_data;
};
/* Reads one received datagram. Pure. 1: no acknowledgement yet; 0: acknowledged; -errno: refused, or -EBADMSG. */
int netlink_read(const void *data, size_t length, struct netlink_answer *answer);

/* The payload of the first attribute of that type (flag bits ignored) among `length` bytes of attributes; NULL when
 * there is none or what stands before it is malformed. */
const void *netlink_find(const void *attributes, size_t length, uint16_t type, size_t *ret_length);

/* The index of a link by name in the socket's namespace, or -errno (-ENODEV: no such link). */
int netlink_link_index(int fd, const char *name);
/* Fills in the index of an RTM_NEWLINK, RTM_NEWADDR or RTM_NEWROUTE request that was built without one (a route
 * carries RTA_OIF 0). `length`: the bytes that are there. 0, or -EBADMSG when the message is none of these. */
int netlink_set_index(struct nlmsghdr *request, size_t length, uint32_t index);

#endif
