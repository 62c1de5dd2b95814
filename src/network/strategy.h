/* What the strategies share. A new strategy is one file and one row in network.c. */
#ifndef NETWORK_STRATEGY_H
#define NETWORK_STRATEGY_H

#include <network/network.h>

#include <lcsys/netlink.h>

#define NETWORK_TEXT_SIZE 200

/* The host side at work: one socket, and the kernel's own words about the last failure. */
struct network_host {
    int fd;
    const struct log *log;
    char text[NETWORK_TEXT_SIZE];
};

struct network_strategy {
    const char *name;
    /* Every member but the name may be NULL: nothing to do. */
    int (*check)(struct network_host *host, const struct config_network *network, struct lc_error **err);
    int (*plan)(struct network_host *host, const struct config_network *network, struct network_link *ret,
            struct lc_error **err);
    int (*make)(struct network_host *host, const struct config_network *network,
            const struct network_link *link, int netns_fd, struct lc_error **err);
    int (*remove)(struct network_host *host, const char *host_name);
    void (*inside)(const struct config_network *network, struct buffer *out);
};

extern const struct network_strategy network_loopback, network_veth, network_netns;

/* network.c */

/* Raises with stage "network", op = the strategy and the kernel's text; `key` is appended to the entry's
 * pointer
 * ("/context/bridge"). */
__attribute__((format(printf, 5, 6))) int network_raise(struct lc_error **err,
        const struct config_network *network, const char *key, const struct error_site *site, const char *fmt,
        ...);

/* The entry's pointer with `key` appended. */
void network_pointer(const struct config_network *network, const char *key, char *ret, size_t size);

/* links.c: the host's links. -errno, with host->text set. */

struct network_link_info {
    int index;
    unsigned flags; /* IFF_* */
    char kind[32];  /* "bridge", "veth"; "" for a link without one, as network cards are */
};

int network_request(struct network_host *host, struct netlink_message *request);
int network_link_info(struct network_host *host, const char *name, struct network_link_info *ret);
int network_link_remove(struct network_host *host, int index);
/* 1, 0, or -errno */
int network_link_has_ports(struct network_host *host, int index);
/* IFLA_LINKINFO { IFLA_INFO_KIND, IFLA_INFO_DATA { ... } }: the caller ends both nests, the inner one first.
 */
struct rtattr *network_link_kind(struct netlink_message *message, const char *kind, struct rtattr **ret_data);

/* bridge.c */

/* The bridge of a veth entry as it is; raises what is wrong with it. A missing one is -ENODEV, unless create
 * is set: then index is 0. */
int network_bridge_find(struct network_host *host, const struct config_network *network,
        struct network_link_info *ret, struct lc_error **err);
/* 1 when this call made the bridge, 0 when it was there. */
int network_bridge_make(
        struct network_host *host, const struct config_network *network, struct lc_error **err);
/* Takes back what network_bridge_make made, unless somebody uses it by now. */
void network_bridge_undo(struct network_host *host, const struct config_network *network);

/* messages.c: pure */

/* RTM_NEWADDR for a link whose index is known (host) or 0 (inside). */
void network_message_address(
        struct netlink_message *message, const struct config_address *address, int index, bool loopback);
void network_inside_up(const struct config_network *network, bool with_mtu, struct buffer *out);
void network_inside_addresses(const struct config_network *network, bool loopback, struct buffer *out);
void network_inside_routes(const struct config_network *network, struct buffer *out);

/* validate.c: pure */

/* A name that the kernel takes as it is: 1 to `max` bytes, none of "/:%" or white space, neither "." nor
 * "..". */
bool network_name_valid(const char *name, size_t max);
/* Names, and gateways that are on the link; what config cannot see from one key alone. */
int network_validate(const struct lc_config *config, struct lc_error **err);

#endif
