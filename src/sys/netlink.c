#include <lcsys/netlink.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_SIZE                                                                                         \
    8192 /* the kernel cuts dumps to what is asked for, and never needs more for one link   \
                           */

/* Room for `length` more bytes, padded to 4 and zeroed; NULL, for good, once something did not fit. */
static char *reserve(struct netlink_message *message, size_t length)
{
    size_t used = message->header.nlmsg_len;
    char *place = message->bytes + used;

    if (message->failed || length > sizeof(message->bytes) ||
            NLMSG_ALIGN(length) > sizeof(message->bytes) - used) {
        message->failed = 1;
        return NULL;
    }
    memset(place, 0, NLMSG_ALIGN(length));
    message->header.nlmsg_len = (uint32_t)(used + NLMSG_ALIGN(length));
    return place;
}

void *netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, size_t size)
{
    memset(&message->header, 0, sizeof(message->header));
    message->failed = 0;
    message->header.nlmsg_len = NLMSG_HDRLEN;
    message->header.nlmsg_type = type;
    message->header.nlmsg_flags = flags | NLM_F_REQUEST;
    return reserve(message, size);
}

void netlink_attr(struct netlink_message *message, uint16_t type, const void *data, size_t length)
{
    struct rtattr *attribute;

    if (length > sizeof(message->bytes)) {
        message->failed = 1;
        return;
    }
    attribute = (struct rtattr *)reserve(message, RTA_LENGTH(length));
    if (attribute == NULL)
        return;
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(length);
    if (length > 0)
        memcpy(RTA_DATA(attribute), data, length);
}

void netlink_attr_u32(struct netlink_message *message, uint16_t type, uint32_t value)
{
    netlink_attr(message, type, &value, sizeof(value));
}

void netlink_attr_string(struct netlink_message *message, uint16_t type, const char *text)
{
    netlink_attr(message, type, text, strlen(text) + 1);
}

struct rtattr *netlink_nest(struct netlink_message *message, uint16_t type)
{
    struct rtattr *nest = (struct rtattr *)reserve(message, RTA_LENGTH(0));

    if (nest != NULL)
        nest->rta_type = type;
    return nest;
}

void netlink_nest_end(struct netlink_message *message, struct rtattr *nest)
{
    if (nest != NULL)
        nest->rta_len = (unsigned short)(message->bytes + message->header.nlmsg_len - (char *)nest);
}

void *netlink_raw(struct netlink_message *message, size_t length)
{
    return reserve(message, length);
}

int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int on = 1;

    if (fd < 0)
        return -errno;
    /* Both only make errors more telling, so an old kernel may refuse them. */
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return fd;
}

const void *netlink_find(const void *attributes, size_t length, uint16_t type, size_t *ret_length)
{
    const char *at = attributes;
    struct rtattr attribute;

    while (length >= sizeof(attribute)) {
        size_t step;

        memcpy(&attribute, at, sizeof(attribute));
        if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > length)
            return NULL;
        if ((attribute.rta_type & NLA_TYPE_MASK) == type) {
            *ret_length = attribute.rta_len - RTA_LENGTH(0);
            return at + RTA_LENGTH(0);
        }
        step = RTA_ALIGN((size_t)attribute.rta_len);
        if (step > length)
            break;
        at += step;
        length -= step;
    }
    return NULL;
}

static void copy_text(struct netlink_answer *answer, const char *attributes, size_t length)
{
    size_t size, used = 0;
    const char *text = netlink_find(attributes, length, NLMSGERR_ATTR_MSG, &size);

    if (text == NULL || answer->text == NULL || answer->text_size == 0)
        return;
    while (used < size && used < answer->text_size - 1 && text[used] != '\0')
        used++;
    memcpy(answer->text, text, used);
    answer->text[used] = '\0';
}

/* NLMSG_ERROR (0 is the acknowledgement) and NLMSG_DONE both begin with an int, and may end with attributes.
 */
static int read_end(
        const struct nlmsghdr *header, const char *payload, size_t length, struct netlink_answer *answer)
{
    struct nlmsgerr body;
    size_t skip = sizeof(body.error);

    if (length < sizeof(body.error))
        return header->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&body.error, payload, sizeof(body.error));
    if (body.error > 0 || body.error < -4095)
        return header->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    if (header->nlmsg_type == NLMSG_ERROR) {
        skip = sizeof(body);
        if (length < sizeof(body))
            return -EBADMSG;
        memcpy(&body, payload, sizeof(body));
        /* Without NLM_F_CAPPED the kernel repeats the whole request before the attributes. */
        if ((header->nlmsg_flags & NLM_F_CAPPED) == 0 && body.msg.nlmsg_len > sizeof(body.msg))
            skip += NLMSG_ALIGN((size_t)body.msg.nlmsg_len) - sizeof(body.msg);
    }
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0 && skip < length)
        copy_text(answer, payload + skip, length - skip);
    return body.error;
}

static int keep_reply(const char *message, size_t length, struct netlink_answer *answer)
{
    if (answer->each != NULL) {
        /* Not where it stands: a datagram may lie anywhere in memory. */
        char copy[RECEIVE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
        const struct nlmsghdr *header = (const struct nlmsghdr *)copy;
        int r;

        if (length > sizeof(copy))
            return -EMSGSIZE;
        memcpy(copy, message, length);
        r = answer->each(answer->each_data, header, length);
        return r == 0 ? 1 : r;
    }
    if (answer->reply == NULL || answer->length > 0)
        return 1;
    if (length > answer->room)
        return -EMSGSIZE;
    memcpy(answer->reply, message, length);
    answer->length = length;
    return 1;
}

int netlink_read(const void *data, size_t length, struct netlink_answer *answer)
{
    const char *at = data;
    struct nlmsghdr header;

    while (length > 0) {
        size_t step;
        int result = 1;

        if (length < sizeof(header))
            return -EBADMSG;
        memcpy(&header, at, sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length)
            return -EBADMSG;
        if (header.nlmsg_seq == answer->sequence) {
            if (answer->each != NULL && (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
                return -EINTR;
            if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE)
                return read_end(&header, at + sizeof(header), header.nlmsg_len - sizeof(header), answer);
            if (header.nlmsg_type >= NLMSG_MIN_TYPE)
                result = keep_reply(at, header.nlmsg_len, answer);
            else if (header.nlmsg_type == NLMSG_OVERRUN)
                result = -ENOBUFS;
            if (result < 0)
                return result;
        }
        step = NLMSG_ALIGN((size_t)header.nlmsg_len);
        if (step >= length)
            break;
        at += step;
        length -= step;
    }
    return 1;
}

/* One datagram from the kernel: its length, or -errno. What other processes send to our port is dropped. */
static ssize_t receive(int fd, char *buffer, size_t size, int flags)
{
    for (;;) {
        struct sockaddr_nl from = { 0 };
        socklen_t from_length = sizeof(from);
        ssize_t length =
                recvfrom(fd, buffer, size, flags | MSG_TRUNC, (struct sockaddr *)&from, &from_length);

        if (length < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (from.nl_family == AF_NETLINK && from.nl_pid != 0)
            continue;
        if ((size_t)length > size)
            return -EMSGSIZE;
        return length;
    }
}

static int send_all(int fd, const struct nlmsghdr *request)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    ssize_t sent;

    do
        sent = sendto(fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == request->nlmsg_len ? 0 : -EMSGSIZE;
}

/* Sends the request and reads until it is answered. */
static int converse(int fd, struct nlmsghdr *request, struct netlink_answer *answer)
{
    char buffer[RECEIVE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t length;
    int result;

    /* The rest of an answer that an earlier request gave up on would be taken for ours. rtnetlink answers
     * within sendto, so that after this nothing old can arrive. */
    do
        length = receive(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    while (length > 0 || length == -EMSGSIZE || length == -ENOBUFS);
    answer->sequence = request->nlmsg_seq + 1;
    request->nlmsg_seq = answer->sequence;
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    result = send_all(fd, request);
    if (result < 0)
        return result;
    do {
        length = receive(fd, buffer, sizeof(buffer), 0);
        if (length <= 0)
            return length < 0 ? (int)length : -EBADMSG;
        result = netlink_read(buffer, (size_t)length, answer);
    } while (result > 0);
    return result;
}

int netlink_request(
        int fd, struct nlmsghdr *request, void *reply, size_t *reply_length, char *text, size_t text_size)
{
    struct netlink_answer answer = {
        .reply = reply_length != NULL ? reply : NULL,
        .room = reply_length != NULL ? *reply_length : 0,
        .text = text,
        .text_size = text_size,
    };
    int result;

    if (reply_length != NULL)
        *reply_length = 0;
    if (text != NULL && text_size > 0)
        text[0] = '\0';
    result = converse(fd, request, &answer);
    if (result == 0 && reply_length != NULL)
        *reply_length = answer.length;
    return result;
}

int netlink_dump(int fd, struct nlmsghdr *request, netlink_each *each, void *data)
{
    struct netlink_answer answer = { .each = each, .each_data = data };

    request->nlmsg_flags |= NLM_F_DUMP;
    return converse(fd, request, &answer);
}

int netlink_link_index(int fd, const char *name)
{
    char reply[RECEIVE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct netlink_message request;
    struct ifinfomsg link;
    size_t length = sizeof(reply);
    int result;

    (void)netlink_begin(&request, RTM_GETLINK, 0, sizeof(link));
    netlink_attr_string(&request, IFLA_IFNAME, name);
    if (request.failed)
        return -ENAMETOOLONG;
    result = netlink_request(fd, &request.header, reply, &length, NULL, 0);
    if (result < 0)
        return result;
    if (length < NLMSG_LENGTH(sizeof(link)))
        return -EBADMSG;
    memcpy(&link, reply + NLMSG_HDRLEN, sizeof(link));
    return link.ifi_index > 0 ? link.ifi_index : -EBADMSG;
}

int netlink_set_index(struct nlmsghdr *request, size_t length, uint32_t index)
{
    char *body = (char *)request + NLMSG_HDRLEN;
    size_t size, rest;
    const void *found;

    if (length < sizeof(*request) || request->nlmsg_len < sizeof(*request) || request->nlmsg_len > length)
        return -EBADMSG;
    rest = request->nlmsg_len - sizeof(*request);
    if (request->nlmsg_type == RTM_NEWLINK && rest >= sizeof(struct ifinfomsg)) {
        ((struct ifinfomsg *)body)->ifi_index = (int)index;
        return 0;
    }
    if (request->nlmsg_type == RTM_NEWADDR && rest >= sizeof(struct ifaddrmsg)) {
        ((struct ifaddrmsg *)body)->ifa_index = index;
        return 0;
    }
    if (request->nlmsg_type != RTM_NEWROUTE || rest < sizeof(struct rtmsg))
        return -EBADMSG;
    found = netlink_find(body + sizeof(struct rtmsg), rest - sizeof(struct rtmsg), RTA_OIF, &size);
    if (found == NULL || size != sizeof(index))
        return -EBADMSG;
    memcpy(body + ((const char *)found - body), &index, sizeof(index));
    return 0;
}
