/* veth: a pair of links, one end on a bridge of the host, the other one in the container. */
#include "strategy.h"

#include <errno.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define NAME_HEX 8     /* digits after the prefix, when there is room */
#define NAME_HEX_MIN 4 /* fewer would collide all the time */
#define NAME_TRIES 32

static int veth_check(struct network_host *host, const struct config_network *network, struct lc_error **err)
{
    struct network_link_info info;

    if (network->prefix != NULL && !network_name_valid(network->prefix, IFNAMSIZ - 1 - NAME_HEX_MIN))
        return network_raise(err, network, "/context/prefix",
                &(struct error_site){ .errnum = EINVAL, .object = network->prefix },
                "a prefix has 1 to %d bytes, none of them a slash, colon, percent sign or white space",
                IFNAMSIZ - 1 - NAME_HEX_MIN);
    return network_bridge_find(host, network, &info, err);
}

/* One random name. 0 or -errno. */
static int draw_name(const char *prefix, char *ret)
{
    int digits = IFNAMSIZ - 1 - (int)strlen(prefix);
    uint32_t number;

    if (digits < NAME_HEX_MIN)
        return -ENAMETOOLONG;
    if (digits > NAME_HEX)
        digits = NAME_HEX;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    (void)snprintf(ret, IFNAMSIZ, "%s%0*x", prefix, digits, number >> (4 * (NAME_HEX - digits)));
    return 0;
}

static int veth_plan(struct network_host *host, const struct config_network *network,
        struct network_link *ret, struct lc_error **err)
{
    const char *prefix = network->prefix != NULL ? network->prefix : "veth";
    struct network_link link;
    int r = -EEXIST;

    for (int i = 0; i < NAME_TRIES && r == -EEXIST; i++) {
        r = draw_name(prefix, link.host_name);
        if (r == 0)
            r = netlink_link_index(host->fd, link.host_name);
        if (r > 0)
            r = -EEXIST;
    }
    if (r != -ENODEV)
        return network_raise(err, network, "/context/prefix",
                &(struct error_site){ .errnum = -r, .object = prefix },
                "no unused name for the host's end of the pair");
    *ret = link;
    return 0;
}

static void add_common(struct netlink_message *request, const struct config_network *network)
{
    if (network->mtu.set)
        netlink_attr_u32(request, IFLA_MTU, (uint32_t)network->mtu.value);
    if (network->txqueuelen.set)
        netlink_attr_u32(request, IFLA_TXQLEN, (uint32_t)network->txqueuelen.value);
}

/* The whole pair in one request: two ends that are never seen half made, and no name to clean up in between.
 */
static void build_pair(struct netlink_message *request, const struct config_network *network,
        const char *host_name, int bridge, int netns_fd)
{
    struct rtattr *kind, *data, *peer;
    struct ifinfomsg *body;

    body = netlink_begin(request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->ifi_flags = IFF_UP;
    body->ifi_change = IFF_UP;
    netlink_attr_string(request, IFLA_IFNAME, host_name);
    add_common(request, network);
    netlink_attr_u32(request, IFLA_MASTER, (uint32_t)bridge);
    kind = network_link_kind(request, "veth", &data);
    peer = netlink_nest(request, VETH_INFO_PEER);
    (void)netlink_raw(request, sizeof(struct ifinfomsg));
    netlink_attr_string(request, IFLA_IFNAME, network->name);
    netlink_attr_u32(request, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    add_common(request, network);
    if (network->has_mac)
        netlink_attr(request, IFLA_ADDRESS, network->mac, sizeof(network->mac));
    netlink_nest_end(request, peer);
    netlink_nest_end(request, data);
    netlink_nest_end(request, kind);
}

static int raise_failure(struct network_host *host, const struct config_network *network,
        const char *host_name, int r, struct lc_error **err)
{
    struct error_site site = { .errnum = -r, .syscall = "RTM_NEWLINK", .object = host_name };
    char text[NETWORK_TEXT_SIZE];

    memcpy(text, host->text, sizeof(text));
    if (r == -EPERM)
        site.hint = "making network links needs CAP_NET_ADMIN over the host's network namespace: run as root";
    if (r == -EOPNOTSUPP)
        site.hint = "the kernel has no veth driver: modprobe veth";
    if (r == -EEXIST && netlink_link_index(host->fd, host_name) == -ENODEV) {
        site.object = network->name;
        return network_raise(err, network, "/name", &site, "the namespace has an interface of that name");
    }
    return network_raise(err, network, "", &site, "%s", text);
}

static int veth_make(struct network_host *host, const struct config_network *network,
        const struct network_link *link, int netns_fd, struct lc_error **err)
{
    struct network_link_info bridge;
    struct netlink_message request;
    int r = network_bridge_find(host, network, &bridge, err);

    if (r < 0)
        return r;
    if (bridge.index == 0) /* made a moment ago, and gone: index 0 would mean "no bridge" */
        return network_raise(err, network, "/context/bridge",
                &(struct error_site){ .errnum = ENODEV, .object = network->bridge },
                "the bridge disappeared");
    build_pair(&request, network, link->host_name, bridge.index, netns_fd);
    r = network_request(host, &request);
    if (r < 0)
        return raise_failure(host, network, link->host_name, r, err);
    log_line(host->log, "network: made veth %s on bridge %s, %s inside (%s)", link->host_name,
            network->bridge, network->name, network->pointer);
    if ((bridge.flags & IFF_UP) == 0)
        log_line(host->log, "network: bridge %s is down, so nothing passes: ip link set %s up",
                network->bridge, network->bridge);
    return 0;
}

static int veth_remove(struct network_host *host, const char *host_name)
{
    struct network_link_info info;
    int r = network_link_info(host, host_name, &info);

    /* The name may be somebody else's by now: the pair goes by itself when its namespace does. */
    if (r == -ENODEV || (r == 0 && strcmp(info.kind, "veth") != 0))
        return 0;
    return r < 0 ? r : network_link_remove(host, info.index);
}

static void veth_inside(const struct config_network *network, struct buffer *out)
{
    network_inside_up(network, false, out);
    network_inside_addresses(network, false, out);
    network_inside_routes(network, out);
}

const struct network_strategy network_veth = {
    .name = "veth",
    .check = veth_check,
    .plan = veth_plan,
    .make = veth_make,
    .remove = veth_remove,
    .inside = veth_inside,
};
