/* The rtnetlink requests that give a link addresses and routes. */
#include "strategy.h"

#include <string.h>
#include <sys/socket.h>

static size_t address_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

/* Sets (ones) or clears the bits behind the prefix. */
static void fill_host_bits(uint8_t *bytes, size_t size, unsigned prefix, bool ones)
{
    for (size_t bit = prefix; bit < size * 8; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> (bit % 8));

        if (ones)
            bytes[bit / 8] |= mask;
        else
            bytes[bit / 8] &= (uint8_t)~mask;
    }
}

/* The buffer knows one way to fail; a message that does not fit into its own room fails it too. */
static void append(struct buffer *out, const struct netlink_message *message)
{
    if (message->failed)
        out->failed = true;
    else
        buffer_add(out, message->bytes, message->header.nlmsg_len);
}

static uint8_t address_scope(const struct config_address *address)
{
    if (address->family != AF_INET)
        return RT_SCOPE_UNIVERSE; /* IPv6 derives it from the address */
    if (address->bytes[0] == 127)
        return RT_SCOPE_HOST;
    if (address->bytes[0] == 169 && address->bytes[1] == 254)
        return RT_SCOPE_LINK;
    return RT_SCOPE_UNIVERSE;
}

void network_message_address(
        struct netlink_message *message, const struct config_address *address, int index, bool loopback)
{
    size_t size = address_size(address->family);
    uint8_t broadcast[16];
    struct ifaddrmsg *body;

    /* REPLACE: 127.0.0.1 is there as soon as lo is up, and may well be in the list. */
    body = netlink_begin(message, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
    body->ifa_family = (uint8_t)address->family;
    body->ifa_prefixlen = address->prefix;
    body->ifa_scope = address_scope(address);
    body->ifa_index = (uint32_t)index;
    /* Nobody else can have it on a link that is being made; without this it cannot be bound for a second. */
    if (address->family == AF_INET6)
        body->ifa_flags = IFA_F_NODAD;
    netlink_attr(message, IFA_LOCAL, address->bytes, size);
    netlink_attr(message, IFA_ADDRESS, address->bytes, size);
    if (address->family != AF_INET || address->prefix >= 31 || loopback)
        return;
    memcpy(broadcast, address->bytes, size);
    fill_host_bits(broadcast, size, address->prefix, true);
    netlink_attr(message, IFA_BROADCAST, broadcast, size);
}

void network_inside_up(const struct config_network *network, bool with_mtu, struct buffer *out)
{
    struct netlink_message message;
    struct ifinfomsg *body;

    body = netlink_begin(&message, RTM_NEWLINK, NLM_F_ACK, sizeof(*body));
    body->ifi_family = AF_UNSPEC;
    body->ifi_flags = IFF_UP;
    body->ifi_change = IFF_UP;
    if (with_mtu && network->mtu.set)
        netlink_attr_u32(&message, IFLA_MTU, (uint32_t)network->mtu.value);
    append(out, &message);
}

void network_inside_addresses(const struct config_network *network, bool loopback, struct buffer *out)
{
    for (size_t i = 0; i < network->n_addresses; i++) {
        struct netlink_message message;

        network_message_address(&message, &network->addresses[i], 0, loopback);
        append(out, &message);
    }
}

static void append_route(const struct config_route *route, struct buffer *out)
{
    int family = route->is_default && route->has_gateway ? route->gateway.family : route->destination.family;
    size_t size = address_size(family);
    struct netlink_message message;
    struct rtmsg *body;

    body = netlink_begin(&message, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->rtm_family = (uint8_t)family;
    body->rtm_table = RT_TABLE_MAIN;
    body->rtm_protocol = RTPROT_STATIC;
    body->rtm_type = RTN_UNICAST;
    body->rtm_scope = route->has_gateway || family != AF_INET ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (!route->is_default) {
        uint8_t destination[16];

        memcpy(destination, route->destination.bytes, size);
        fill_host_bits(destination, size, route->destination.prefix, false);
        body->rtm_dst_len = route->destination.prefix;
        netlink_attr(&message, RTA_DST, destination, size);
    }
    netlink_attr_u32(&message, RTA_OIF, 0);
    if (route->has_gateway)
        netlink_attr(&message, RTA_GATEWAY, route->gateway.bytes, size);
    if (route->has_source)
        netlink_attr(&message, RTA_PREFSRC, route->source.bytes, size);
    if (route->metric.set)
        netlink_attr_u32(&message, RTA_PRIORITY, (uint32_t)route->metric.value);
    append(out, &message);
}

void network_inside_routes(const struct config_network *network, struct buffer *out)
{
    /* A gateway must be reachable when its route is made, perhaps only by one of the routes without a
     * gateway. */
    for (size_t i = 0; i < network->n_routes; i++) {
        if (!network->routes[i].has_gateway)
            append_route(&network->routes[i], out);
    }
    for (size_t i = 0; i < network->n_gateways; i++) {
        struct config_route route = { .is_default = true, .has_gateway = true };

        route.gateway = network->gateways[i];
        append_route(&route, out);
    }
    for (size_t i = 0; i < network->n_routes; i++) {
        if (network->routes[i].has_gateway)
            append_route(&network->routes[i], out);
    }
}
