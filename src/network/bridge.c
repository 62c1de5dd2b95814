/* The bridge that a veth entry is plugged into: found, or made when the entry says create. */
#include "strategy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int raise_missing(const struct config_network *network, struct lc_error **err)
{
    char hint[160];

    (void)snprintf(hint, sizeof(hint),
            "ip link add %s type bridge && ip link set %s up, or \"create\": \"true\" in the context",
            network->bridge, network->bridge);
    return network_raise(err, network, "/context/bridge",
            &(struct error_site){ .errnum = ENODEV, .object = network->bridge, .hint = hint },
            "there is no such bridge");
}

int network_bridge_find(struct network_host *host, const struct config_network *network,
        struct network_link_info *ret, struct lc_error **err)
{
    struct network_link_info info = { 0 };
    int r;

    if (network->bridge == NULL || !network_name_valid(network->bridge, IFNAMSIZ - 1))
        return network_raise(err, network, "/context/bridge",
                &(struct error_site){ .errnum = EINVAL, .object = network->bridge },
                "a veth needs the name of a bridge");
    r = network_link_info(host, network->bridge, &info);
    if (r == -ENODEV && !network->create_bridge)
        return raise_missing(network, err);
    if (r < 0 && r != -ENODEV)
        return network_raise(err, network, "/context/bridge",
                &(struct error_site){ .errnum = -r, .syscall = "RTM_GETLINK", .object = network->bridge },
                "%s", host->text);
    if (r == 0 && strcmp(info.kind, "bridge") != 0)
        return network_raise(err, network, "/context/bridge",
                &(struct error_site){ .errnum = ENOTSUP, .object = network->bridge },
                "this link is no bridge but %s%s", info.kind[0] != '\0' ? "of kind " : "a network card",
                info.kind);
    *ret = info;
    return 0;
}

static int add_address(
        struct network_host *host, const struct config_network *network, int index, struct lc_error **err)
{
    struct netlink_message request;
    int r;

    network_message_address(&request, &network->bridge_address, index, false);
    r = network_request(host, &request);
    if (r < 0)
        return network_raise(err, network, "/context/bridge_address",
                &(struct error_site){ .errnum = -r, .syscall = "RTM_NEWADDR", .object = network->bridge },
                "%s", host->text);
    return 0;
}

int network_bridge_make(
        struct network_host *host, const struct config_network *network, struct lc_error **err)
{
    struct network_link_info info;
    struct netlink_message request;
    struct rtattr *kind, *data;
    struct ifinfomsg *body;
    int r;

    body = netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));
    body->ifi_flags = IFF_UP;
    body->ifi_change = IFF_UP;
    netlink_attr_string(&request, IFLA_IFNAME, network->bridge);
    kind = network_link_kind(&request, "bridge", &data);
    netlink_nest_end(&request, data);
    netlink_nest_end(&request, kind);
    r = network_request(host, &request);
    if (r == -EEXIST) /* another container was faster */
        return 0;
    if (r < 0)
        return network_raise(err, network, "/context/bridge",
                &(struct error_site){ .errnum = -r, .syscall = "RTM_NEWLINK", .object = network->bridge },
                "%s", host->text);
    log_line(host->log, "network: made bridge %s (%s)", network->bridge, network->pointer);
    if (!network->has_bridge_address)
        return 1;
    r = network_bridge_find(host, network, &info, err);
    if (r == 0)
        r = add_address(host, network, info.index, err);
    if (r < 0) {
        network_bridge_undo(host, network);
        return r;
    }
    return 1;
}

void network_bridge_undo(struct network_host *host, const struct config_network *network)
{
    struct network_link_info info;

    if (network_link_info(host, network->bridge, &info) < 0 || strcmp(info.kind, "bridge") != 0)
        return;
    if (network_link_has_ports(host, info.index) != 0) {
        log_line(host->log, "network: bridge %s stays: it has other ports by now", network->bridge);
        return;
    }
    if (network_link_remove(host, info.index) == 0)
        log_line(host->log, "network: removed bridge %s again", network->bridge);
}
