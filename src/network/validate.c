/* What is wrong with the networks[] taken together, seen without asking the kernel. */
#include "strategy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool network_name_valid(const char *name, size_t max)
{
    size_t length = strlen(name);

    if (length == 0 || length > max || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return strpbrk(name, "/:% \t\n\v\f\r") == NULL;
}

static bool same_network(
        const struct config_address *one, const struct config_address *other, unsigned prefix)
{
    if (one->family != other->family)
        return false;
    for (unsigned bit = 0; bit < prefix; bit++) {
        if (((one->bytes[bit / 8] ^ other->bytes[bit / 8]) & (0x80 >> (bit % 8))) != 0)
            return false;
    }
    return true;
}

/* Can the kernel reach it without another gateway? Otherwise it refuses the route, deep inside the container.
 */
static bool on_link(const struct config_network *network, const struct config_address *gateway)
{
    if (gateway->family == AF_INET6 && gateway->bytes[0] == 0xfe && (gateway->bytes[1] & 0xc0) == 0x80)
        return true;
    for (size_t i = 0; i < network->n_addresses; i++) {
        if (same_network(&network->addresses[i], gateway, network->addresses[i].prefix))
            return true;
    }
    for (size_t i = 0; i < network->n_routes; i++) {
        const struct config_route *route = &network->routes[i];

        if (!route->has_gateway &&
                same_network(&route->destination, gateway, route->is_default ? 0 : route->destination.prefix))
            return true;
    }
    return false;
}

static int check_gateway(const struct config_network *network, const struct config_address *gateway,
        const char *pointer, struct lc_error **err)
{
    if (on_link(network, gateway))
        return 0;
    return error_raise(err,
            &(struct error_site){ .errnum = ENETUNREACH,
                    .stage = "network",
                    .op = "gateway",
                    .object = gateway->text,
                    .pointer = pointer,
                    .hint = "give an address of the same network, or a route to the gateway that has no "
                            "gateway "
                            "itself" },
            "the gateway is not in the network of any address");
}

static int check_routes(const struct config_network *network, struct lc_error **err)
{
    int result = 0;

    for (size_t i = 0; i < network->n_routes; i++) {
        const struct config_route *route = &network->routes[i];
        const struct error_site site = {
            .errnum = EINVAL, .stage = "network", .op = "route", .pointer = route->pointer
        };

        if ((route->has_gateway && route->gateway.family != route->destination.family) ||
                (route->has_source && route->source.family != route->destination.family))
            result = error_raise(err, &site, "the addresses are not all IPv4 or all IPv6");
        else if (route->has_gateway && check_gateway(network, &route->gateway, route->pointer, err) < 0)
            result = -ENETUNREACH;
    }
    return result;
}

static int check_name(const struct lc_config *config, size_t at, struct lc_error **err)
{
    const struct config_network *network = &config->networks[at];
    struct error_site site = { .errnum = EINVAL, .object = network->name };

    if (network->name == NULL || !network_name_valid(network->name, IFNAMSIZ - 1))
        return network_raise(err, network, "/name", &site,
                "an interface name has 1 to %d bytes, none of them a slash, colon, percent sign or white "
                "space",
                IFNAMSIZ - 1);
    for (size_t i = 0; i < at; i++) {
        if (config->networks[i].type == NETWORK_NETNS || strcmp(config->networks[i].name, network->name) != 0)
            continue;
        site.errnum = EEXIST;
        return network_raise(
                err, network, "/name", &site, "%s has that name already", config->networks[i].pointer);
    }
    return 0;
}

/* A namespace that exists is joined as it is; what the entry asks for besides would silently not happen. */
static int check_netns(const struct lc_config *config, size_t at, struct lc_error **err)
{
    const struct config_network *network = &config->networks[at];
    const struct error_site site = { .errnum = EINVAL };

    if (network->n_addresses + network->n_gateways + network->n_routes > 0 || network->mtu.set ||
            network->txqueuelen.set || network->has_mac)
        return network_raise(err, network, "", &site, "a namespace that is joined is left as it is");
    for (size_t i = 0; i < at; i++) {
        if (config->networks[i].type == NETWORK_NETNS)
            return network_raise(err, network, "", &site, "only one network namespace can be joined");
    }
    return 0;
}

int network_validate(const struct lc_config *config, struct lc_error **err)
{
    int result = 0;

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];
        int r;

        if (network->type == NETWORK_NETNS) {
            r = check_netns(config, i, err);
            result = r < 0 ? r : result;
            continue;
        }
        r = check_name(config, i, err);
        result = r < 0 ? r : result;
        for (size_t j = 0; j < network->n_gateways; j++) {
            char pointer[256];

            network_pointer(network, "/gateway", pointer, sizeof(pointer));
            r = check_gateway(network, &network->gateways[j], pointer, err);
            result = r < 0 ? r : result;
        }
        r = check_routes(network, err);
        result = r < 0 ? r : result;
    }
    return result;
}
