/* linux.netDevices: interfaces of the host that move into the container, done wholly from outside: with one rtnetlink socket
 * here and one there. */
#include "strategy.h"

#include <base/util.h>
#include <lcsys/aside.h>
#include <lcsys/raw.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define DUMP_TRIES 20

/* One of the two namespaces. */
struct side {
    struct network_host link;
    int netns;
};

struct mover {
    const struct log *log;
    struct side outside, inside;
};

/* What has been done to one, to be undone. */
struct moved {
    char host_name[IFNAMSIZ];
    int index; /* inside; 0: nothing */
    bool up;   /* it was, outside */
    struct buffer addresses;
};

struct network_moved {
    struct mover mover;
    size_t count;
    struct moved devices[];
};

/* ---- a socket in a namespace that we are not in ---- */

__attribute__((no_sanitize("address", "undefined"))) static long socket_inside(void *data)
{
    long r = sys_raw(SYS_setns, *(const int *)data, CLONE_NEWNET, 0, 0, 0);

    return r < 0 ? r : sys_raw(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, 0, 0);
}

static int raise_device(struct lc_error **err, const struct config_net_device *device,
        const struct error_site *site, const char *text)
{
    struct error_site full = *site;

    full.stage = "network";
    full.op = "netDevices";
    full.pointer = device->pointer;
    if (full.object == NULL)
        full.object = device->host_name;
    return error_raise(err, &full, text != NULL && text[0] != '\0' ? "%s" : NULL, text);
}

static int open_sides(
        struct mover *mover, const struct config_net_device *device, int netns_fd, struct lc_error **err)
{
    int *here = &mover->outside.link.fd, *there = &mover->inside.link.fd, on = 1;

    mover->inside.netns = fcntl(netns_fd, F_DUPFD_CLOEXEC, 0);
    if (mover->inside.netns < 0)
        return raise_device(err, device, &(struct error_site){ .syscall = "fcntl", .errnum = errno }, NULL);
    mover->outside.netns = openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (mover->outside.netns < 0)
        return raise_device(
                err, device, &(struct error_site){ .syscall = "open", .errnum = errno }, "our own namespace");
    *here = netlink_open();
    if (*here < 0)
        return raise_device(err, device, &(struct error_site){ .syscall = "socket", .errnum = -*here }, NULL);
    *there = (int)sys_aside(socket_inside, &mover->inside.netns);
    if (*there < 0)
        return raise_device(err, device,
                &(struct error_site){ .syscall = "setns",
                        .errnum = -*there,
                        .hint = *there == -EPERM ? "moving network devices needs root" : NULL },
                "the container's network namespace");
    /* As netlink_open does, and as unimportant. */
    (void)setsockopt(*there, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(*there, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return 0;
}

/* ---- addresses ---- */

struct gathering {
    uint32_t index;
    struct buffer *out;
};

static const void *attribute(const struct nlmsghdr *message, uint16_t type, size_t *ret_size)
{
    const char *start = (const char *)message + NLMSG_SPACE(sizeof(struct ifaddrmsg));

    return netlink_find(start, message->nlmsg_len - NLMSG_SPACE(sizeof(struct ifaddrmsg)), type, ret_size);
}

/* The header has room for 8 of the 32 flags. */
static uint32_t address_flags(const struct nlmsghdr *message)
{
    const struct ifaddrmsg *body = NLMSG_DATA(message);
    uint32_t flags = body->ifa_flags;
    size_t size;
    const void *found = attribute(message, IFA_FLAGS, &size);

    if (found != NULL && size == sizeof(flags))
        memcpy(&flags, found, sizeof(flags));
    return flags;
}

static int gather(void *data, const struct nlmsghdr *message, size_t length)
{
    const struct gathering *gathering = data;
    const struct ifaddrmsg *body = NLMSG_DATA(message);

    if (message->nlmsg_type != RTM_NEWADDR || length < NLMSG_SPACE(sizeof(*body)) ||
            body->ifa_index != gathering->index || body->ifa_scope != RT_SCOPE_UNIVERSE ||
            (address_flags(message) & IFA_F_PERMANENT) == 0)
        return 0;
    buffer_add(gathering->out, message, NLMSG_ALIGN(length));
    return gathering->out->failed ? -ENOMEM : 0;
}

/* Those worth keeping: global and permanent. What is left goes by itself, or is made by the kernel again. */
static int read_addresses(const struct side *side, int index, struct buffer *out)
{
    struct gathering gathering = { .index = (uint32_t)index, .out = out };
    int r = -EINTR;

    for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
        struct netlink_message request;

        out->length = 0;
        (void)netlink_begin(&request, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
        r = netlink_dump(side->link.fd, &request.header, gather, &gathering);
    }
    return r;
}

/* An IPv4 label begins with the interface's name, which may have changed. */
static void add_label(struct netlink_message *request, const struct nlmsghdr *old, const char *old_name,
        const char *new_name)
{
    char label[2 * IFNAMSIZ];
    size_t size, length = strlen(old_name);
    const char *found = attribute(old, IFA_LABEL, &size);

    if (found == NULL || size == 0 || size > IFNAMSIZ || found[size - 1] != '\0' ||
            strncmp(found, old_name, length) != 0 || found[length] != ':')
        return;
    (void)snprintf(label, sizeof(label), "%s%s", new_name, found + length);
    if (strlen(label) < IFNAMSIZ)
        netlink_attr_string(request, IFA_LABEL, label);
}

static int add_address(
        struct side *side, int index, const struct nlmsghdr *old, const char *old_name, const char *new_name)
{
    static const uint16_t copied[] = { IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_ANYCAST, IFA_CACHEINFO,
        IFA_RT_PRIORITY, IFA_PROTO };
    const struct ifaddrmsg *from = NLMSG_DATA(old);
    /* What the kernel finds out by itself is not ours to say. */
    uint32_t flags = address_flags(old) & (IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE |
                                                  IFA_F_MCAUTOJOIN | IFA_F_NODAD);
    struct netlink_message request;
    struct ifaddrmsg *body;

    body = netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
    *body = *from;
    body->ifa_index = (uint32_t)index;
    /* It was the interface's before: nobody else can have it. */
    if (from->ifa_family == AF_INET6)
        flags |= IFA_F_NODAD;
    body->ifa_flags = (uint8_t)flags;
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
        size_t size;
        const void *found = attribute(old, copied[i], &size);

        if (found != NULL)
            netlink_attr(&request, copied[i], found, size);
    }
    netlink_attr_u32(&request, IFA_FLAGS, flags);
    add_label(&request, old, old_name, new_name);
    return network_request(&side->link, &request);
}

static int add_addresses(struct side *side, int index, const struct buffer *addresses, const char *old_name,
        const char *new_name)
{
    int r = 0;

    for (size_t at = 0; r == 0 && at < addresses->length;) {
        const struct nlmsghdr *old = (const struct nlmsghdr *)(addresses->data + at);

        r = add_address(side, index, old, old_name, new_name);
        at += NLMSG_ALIGN((size_t)old->nlmsg_len);
    }
    return r;
}

/* ---- links ---- */

static int change_link(struct side *side, int index, const char *name, int netns, unsigned flags)
{
    struct netlink_message request;
    struct ifinfomsg *body;

    body = netlink_begin(&request, RTM_NEWLINK, 0, sizeof(*body));
    body->ifi_index = index;
    body->ifi_flags = flags;
    body->ifi_change = flags;
    if (name != NULL)
        netlink_attr_string(&request, IFLA_IFNAME, name);
    if (netns >= 0)
        netlink_attr_u32(&request, IFLA_NET_NS_FD, (uint32_t)netns);
    return network_request(&side->link, &request);
}

/* The name that a pattern has become. */
static int read_name(const struct side *side, int index, char *ret_name)
{
    char reply[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    const char *attributes = reply + NLMSG_SPACE(sizeof(struct ifinfomsg)), *found;
    size_t length = sizeof(reply), size;
    struct netlink_message request;
    struct ifinfomsg *body;
    int r;

    body = netlink_begin(&request, RTM_GETLINK, 0, sizeof(*body));
    body->ifi_index = index;
    r = netlink_request(side->link.fd, &request.header, reply, &length, NULL, 0);
    if (r < 0)
        return r;
    if (length < NLMSG_SPACE(sizeof(*body)))
        return -EBADMSG;
    found = netlink_find(attributes, length - NLMSG_SPACE(sizeof(*body)), IFLA_IFNAME, &size);
    if (found == NULL || size == 0 || size > IFNAMSIZ || found[size - 1] != '\0')
        return -EBADMSG;
    memcpy(ret_name, found, size);
    return 0;
}

/* The number may change on the way, and so may the name when it is a pattern: a name that nobody else has finds it again. */
static int cross(struct side *from, struct side *to, int index)
{
    char name[IFNAMSIZ];
    uint64_t number;
    int r;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    (void)snprintf(name, sizeof(name), "lc%012llx", (unsigned long long)(number >> 16));
    r = change_link(from, index, name, to->netns, 0);
    return r < 0 ? r : netlink_link_index(to->link.fd, name);
}

/* What moves: `host_name` outside is `name`, perhaps a pattern, inside. All that is done to it on the way back is wanted as it was,
 * but without an error that could be told to anybody. */
static void move_back(struct mover *mover, const struct moved *moved)
{
    const char *host_name = moved->host_name;
    char name[IFNAMSIZ];
    int index, r;

    if (moved->index <= 0)
        return;
    r = read_name(&mover->inside, moved->index, name);
    index = r == 0 ? cross(&mover->inside, &mover->outside, moved->index) : r;
    r = index < 0 ? index : change_link(&mover->outside, index, host_name, -1, moved->up ? IFF_UP : 0);
    /* Labels are as they were read: outside. */
    if (r == 0)
        r = add_addresses(&mover->outside, index, &moved->addresses, host_name, host_name);
    if (r < 0)
        log_warning(mover->log, "network: %s could not be moved back: %s", host_name, strerror(-r));
    else
        log_line(mover->log, "network: moved %s back, inside it was %s", host_name, name);
}

/* The kernel's reasons, in words. */
static const char *hint_move(int r)
{
    switch (r) {
    case -EPERM:
        return "moving network devices needs CAP_NET_ADMIN over both network namespaces: run as root";
    case -EINVAL:
    case -EOPNOTSUPP:
        return "some devices belong to their namespace for good: lo, bridges of old kernels, radios";
    default:
        return NULL;
    }
}

/* Nothing has been touched yet. */
static int look(struct mover *mover, const struct config_net_device *device, struct network_link_info *ret,
        struct lc_error **err)
{
    int r = network_link_info(&mover->outside.link, device->host_name, ret);

    if (r < 0)
        return raise_device(err, device,
                &(struct error_site){ .syscall = "RTM_GETLINK",
                        .errnum = -r,
                        .hint = r == -ENODEV ? "ip link shows the interfaces of the host" : NULL },
                r == -ENODEV ? "there is no such interface on the host" : mover->outside.link.text);
    r = strchr(device->name, '%') != NULL ? -ENODEV : netlink_link_index(mover->inside.link.fd, device->name);
    if (r == -ENODEV)
        return 0;
    if (r > 0)
        r = -EEXIST;
    return raise_device(err, device,
            &(struct error_site){ .errnum = -r,
                    .object = device->name,
                    .hint = r == -EEXIST
                                    ? "another \"name\", or one that ends in %d for the first free number"
                                    : NULL },
            r == -EEXIST ? "the container's namespace has an interface of that name" : NULL);
}

static int move(struct mover *mover, const struct config_net_device *device, struct moved *moved,
        struct lc_error **err)
{
    struct side *inside = &mover->inside;
    struct error_site site = { .syscall = "RTM_NEWLINK" };
    struct network_link_info info;
    char name[IFNAMSIZ];
    int r = look(mover, device, &info, err);

    if (r < 0)
        return r;
    (void)snprintf(moved->host_name, sizeof(moved->host_name), "%s", device->host_name);
    moved->up = (info.flags & IFF_UP) != 0;
    r = read_addresses(&mover->outside, info.index, &moved->addresses);
    if (r < 0) {
        site = (struct error_site){ .syscall = "RTM_GETADDR", .errnum = -r };
        return raise_device(err, device, &site, NULL);
    }
    r = cross(&mover->outside, inside, info.index);
    if (r < 0) {
        site.errnum = -r;
        site.hint = hint_move(r);
        return raise_device(err, device, &site, mover->outside.link.text);
    }
    moved->index = r;
    /* Up first: addresses then get their routes. */
    r = change_link(inside, moved->index, device->name, -1, 0);
    if (r == 0)
        r = change_link(inside, moved->index, NULL, -1, IFF_UP);
    if (r == 0)
        r = read_name(inside, moved->index, name);
    if (r == 0) {
        site.syscall = "RTM_NEWADDR";
        r = add_addresses(inside, moved->index, &moved->addresses, device->host_name, name);
    }
    if (r < 0) {
        site.errnum = -r;
        site.object = device->name;
        return raise_device(err, device, &site, inside->link.text);
    }
    log_line(mover->log, "network: moved %s, %s inside (%s)", device->host_name, name, device->pointer);
    return 0;
}

void network_devices_settle(struct network_moved *moved, bool back)
{
    if (moved == NULL)
        return;
    for (size_t i = moved->count; i > 0; i--) {
        if (back)
            move_back(&moved->mover, &moved->devices[i - 1]);
        buffer_done(&moved->devices[i - 1].addresses);
    }
    fd_close(&moved->mover.outside.link.fd);
    fd_close(&moved->mover.outside.netns);
    fd_close(&moved->mover.inside.link.fd);
    fd_close(&moved->mover.inside.netns);
    free(moved);
}

int network_devices_move(const struct lc_config *config, int netns_fd, const struct log *log,
        struct network_moved **ret_moved, struct lc_error **err)
{
    const struct config_net_device *devices = config->oci.net_devices;
    size_t count = config->oci.n_net_devices;
    struct network_moved *moved;
    int r;

    if (count == 0) {
        *ret_moved = NULL;
        return 0;
    }
    moved = calloc(1, sizeof(*moved) + count * sizeof(moved->devices[0]));
    if (moved == NULL)
        return error_raise(err, &(struct error_site){ .errnum = ENOMEM, .stage = "network" }, NULL);
    moved->mover = (struct mover){ .log = log,
        .outside = { .link = { .fd = -EBADF }, .netns = -EBADF },
        .inside = { .link = { .fd = -EBADF }, .netns = -EBADF } };
    r = open_sides(&moved->mover, &devices[0], netns_fd, err);
    while (r == 0 && moved->count < count) {
        r = move(&moved->mover, &devices[moved->count], &moved->devices[moved->count], err);
        moved->count++;
    }
    if (r < 0)
        network_devices_settle(moved, true);
    else
        *ret_moved = moved;
    return r;
}
