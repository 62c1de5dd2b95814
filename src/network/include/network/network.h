/* Network set-up. The host's half runs in the parent, over one rtnetlink socket, by strategy (one file, one table
 * row each). The container's half becomes ready-made rtnetlink messages that the child sends from inside its own
 * namespace, so the child needs to know nothing about networks. */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include <base/buffer.h>
#include <base/error.h>
#include <base/log.h>
#include <config/config.h>

#include <net/if.h>

/* What one networks[] entry leaves on the host; kept in the record before it is made. */
struct network_link {
    char host_name[IFNAMSIZ]; /* "" when the strategy has no host end */
};

/* Picks the random host names (prefix + hex, at most 15 bytes, not taken at this moment). No side effect.
 * `ret_links` has config->n_networks members. */
int network_plan(const struct lc_config *config, struct network_link *ret_links, struct lc_error **err);

/* Fails early, before anything is made, on what can be seen to be wrong: missing bridge (hint: how to make it, or
 * "create": "true"), not a bridge, nspath that is no network namespace. */
int network_check(const struct lc_config *config, struct lc_error **err);

/* Makes host ends and moves the other ends into the network namespace `netns_fd`; bridges with create:true are made
 * first. On failure everything made by this call is removed again. */
int network_make(const struct lc_config *config, const struct network_link *links, int netns_fd,
        const struct log *log, struct lc_error **err);

/* Removes a host end by name; a missing one is fine. */
int network_remove(const char *host_name);

/* config.json, linux.netDevices: moves interfaces of the host into `netns_fd`, gives them their new names, sets them up, and gives
 * them the global permanent addresses that the kernel takes away on the way; it keeps MTU, hardware address and the like itself.
 * A name that is taken there is EEXIST, unless it ends in "%d". On failure, those that this call moved are moved back; at the
 * end of the container nothing is, except by the kernel, which returns hardware to the host. *ret_moved (NULL without any): for
 * when something else fails later. */
struct network_moved;
int network_devices_move(const struct lc_config *config, int netns_fd, const struct log *log,
        struct network_moved **ret_moved, struct lc_error **err);
/* Frees it; with `back`, the interfaces return first. Accepts NULL. */
void network_devices_settle(struct network_moved *moved, bool back);

/* For one networks[] entry: appends the rtnetlink requests for the inside: link up with mtu etc., addresses, routes.
 * Each message is a struct nlmsghdr with NLM_F_REQUEST|NLM_F_ACK, 4-byte aligned, ifindex 0 where the
 * child has to fill in the index of `name` (ifi_index, ifa_index; routes carry RTA_OIF 0 to be filled in). Pure. */
int network_inside_messages(const struct config_network *network, struct buffer *out);

#endif
