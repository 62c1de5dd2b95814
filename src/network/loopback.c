/* loopback: lo is in every network namespace; it only has to be brought up. */
#include "strategy.h"

static void loopback_inside(const struct config_network *network, struct buffer *out)
{
    network_inside_up(network, true, out);
    network_inside_addresses(network, true, out);
    network_inside_routes(network, out);
}

const struct network_strategy network_loopback = {
    .name = "loopback",
    .inside = loopback_inside,
};
