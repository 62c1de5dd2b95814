/* networks: a table of strategies; each row says which keys it has and what it checks at the end. */
#include <config/reader.h>

#include <base/util.h>

#include <net/if.h>
#include <stddef.h>
#include <string.h>

#define NETWORKS_MAX 256
#define ADDRESSES_MAX 256
#define PREFIX_MAX 10 /* leaves five hexadecimal digits of an interface name */

static bool is_interface_name(const char *name, size_t max)
{
    if (*name == '\0' || strlen(name) > max || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (; *name != '\0'; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7f || *name == '/' || *name == ':')
            return false;
    return true;
}

static void read_interface(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text != NULL && is_interface_name(text, IFNAMSIZ - 1))
        *(const char **)target = keep(reader, text);
    else
        complain_expected(reader, node, "an interface name of 1 to 15 bytes");
}

static void read_name(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text != NULL && strcmp(text, "lo") == 0)
        complain(reader, node, "\"lo\" is the name of the loopback interface");
    else
        read_interface(reader, node, target);
}

static void read_loopback_name(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    if (!json_is_string(node->json) || strcmp(json_string_value(node->json), "lo") != 0)
        complain_expected(reader, node, "\"lo\"");
}

/* One string or a list of them: how many, or 0 after a complaint. */
static size_t count_items(struct reader *reader, const struct node *node)
{
    if (json_is_string(node->json))
        return 1;
    return get_array(reader, node, "a string or an array of strings", ADDRESSES_MAX)
                   ? json_array_size(node->json)
                   : 0;
}

static struct node item_at(const struct node *node, size_t index)
{
    return json_is_string(node->json) ? *node : node_item(node, index);
}

static void read_addresses(struct reader *reader, const struct node *node, void *target)
{
    struct config_network *network = target;
    size_t count = count_items(reader, node);

    network->addresses = keep_array(reader, count, sizeof(*network->addresses));
    for (size_t i = 0; i < count && network->addresses != NULL; i++) {
        struct node item = item_at(node, i);

        if (get_cidr(reader, &item, &network->addresses[network->n_addresses]))
            network->n_addresses++;
    }
}

static void read_gateways(struct reader *reader, const struct node *node, void *target)
{
    struct config_network *network = target;
    size_t count = count_items(reader, node);

    network->gateways = keep_array(reader, count, sizeof(*network->gateways));
    for (size_t i = 0; i < count && network->gateways != NULL; i++) {
        struct node item = item_at(node, i);
        struct config_address *gateway = &network->gateways[network->n_gateways];

        if (!get_address(reader, &item, gateway))
            continue;
        if (network->n_gateways > 0 && network->gateways[0].family == gateway->family)
            complain(reader, &item, "at most one gateway per address family is possible");
        else
            network->n_gateways++;
    }
}

static void read_mtu(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *mtu = target;

    mtu->set = get_integer(reader, node, 68, 65535, &mtu->value);
}

static void read_txqueuelen(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *length = target;

    length->set = get_integer(reader, node, 0, UINT32_MAX, &length->value);
}

static void read_prefix(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text != NULL && is_interface_name(text, PREFIX_MAX))
        *(const char **)target = keep(reader, text);
    else
        complain_expected(reader, node, "the beginning of an interface name, 1 to 10 bytes");
}

/* The seed's context is a map of strings, so a boolean may come as one. */
static void read_switch(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (json_is_boolean(node->json))
        *(bool *)target = json_is_true(node->json);
    else if (text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        *(bool *)target = *text == 't';
    else
        complain_expected(reader, node, "\"true\" or \"false\"");
}

static void read_bridge_address(struct reader *reader, const struct node *node, void *target)
{
    struct config_network *network = target;

    network->has_bridge_address = get_cidr(reader, node, &network->bridge_address);
}

static void read_veth_context(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "bridge", read_interface, offsetof(struct config_network, bridge) },
        { "prefix", read_prefix, offsetof(struct config_network, prefix) },
        { "create", read_switch, offsetof(struct config_network, create_bridge) },
        { "bridge_address", read_bridge_address, 0 },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}

static void read_netns_context(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "nspath", read_absolute_path, offsetof(struct config_network, nspath) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}

static void read_empty_context(struct reader *reader, const struct node *node, void *target)
{
    read_object(reader, node, NULL, 0, target);
}

/* Files of the original say "localhost" here; it never meant anything. */
static void read_loopback_gateway(struct reader *reader, const struct node *node, void *target)
{
    struct config_address ignored;

    (void)target;
    if (!json_is_string(node->json) || strcmp(json_string_value(node->json), "localhost") != 0)
        (void)get_address(reader, node, &ignored);
}

static void check_gateways(
        struct reader *reader, const struct node *node, const struct config_network *network)
{
    struct node list = node_member(node, "gateway");

    for (size_t i = 0; i < network->n_gateways; i++) {
        const struct config_address *gateway = &network->gateways[i];
        struct node item = item_at(&list, i);
        bool family = false, reachable = false;

        for (size_t j = 0; j < network->n_addresses; j++) {
            family |= network->addresses[j].family == gateway->family;
            reachable |= address_contains(&network->addresses[j], gateway);
        }
        if (!family)
            complain(reader, &item, "the gateway %s needs an address of the same family", gateway->text);
        else if (!reachable)
            complain(reader, &item, "the gateway %s is off-link: not within the prefix of any address here",
                    gateway->text);
    }
}

/* Reachable through an address, or through a route that needs no gateway itself. */
static bool route_reachable(const struct config_network *network, const struct config_route *route)
{
    for (size_t i = 0; i < network->n_addresses; i++)
        if (address_contains(&network->addresses[i], &route->gateway))
            return true;
    for (size_t i = 0; i < network->n_routes; i++)
        if (!network->routes[i].has_gateway && !network->routes[i].is_default &&
                address_contains(&network->routes[i].destination, &route->gateway))
            return true;
    return false;
}

/* What is not even an object has been complained about. */
static bool lacks(const struct node *context, const char *key)
{
    return (context->json == NULL || json_is_object(context->json)) &&
           json_object_get(context->json, key) == NULL;
}

static void finish_veth(
        struct reader *reader, const struct node *node, struct config_network *network, bool clean)
{
    struct node context = node_member(node, "context"),
                bridge_address = node_member(&context, "bridge_address");
    struct node routes = node_member(node, "routes");

    if (lacks(&context, "bridge"))
        complain_hint(reader, context.json != NULL ? &context : node,
                "name the host's bridge: \"context\": {\"bridge\": \"docker0\"}",
                "the key \"bridge\" is missing");
    if (network->prefix == NULL)
        network->prefix = "veth";
    if (!clean)
        return;
    check_gateways(reader, node, network);
    for (size_t i = 0; i < network->n_routes; i++) {
        struct node route = node_item(&routes, i), gateway = node_member(&route, "gateway");

        if (network->routes[i].has_gateway && !route_reachable(network, &network->routes[i]))
            complain(reader, &gateway,
                    "the gateway %s is off-link: not within the prefix of any address here",
                    network->routes[i].gateway.text);
    }
    if (network->has_bridge_address && !network->create_bridge)
        complain_hint(reader, &bridge_address, "add \"create\": \"true\"",
                "bridge_address is for a bridge that is made when missing");
}

/* The kernel gives lo its own addresses when it goes up. */
static void finish_loopback(
        struct reader *reader, const struct node *node, struct config_network *network, bool clean)
{
    size_t kept = 0;

    (void)reader;
    (void)node;
    (void)clean;
    network->name = "lo";
    for (size_t i = 0; i < network->n_addresses; i++)
        if (!address_is_loopback(&network->addresses[i]))
            network->addresses[kept++] = network->addresses[i];
    network->n_addresses = kept;
}

static void finish_netns(
        struct reader *reader, const struct node *node, struct config_network *network, bool clean)
{
    struct node context = node_member(node, "context");

    (void)network;
    (void)clean;
    if (lacks(&context, "nspath"))
        complain(reader, context.json != NULL ? &context : node, "the key \"nspath\" is missing");
}

#define FIELD(field) offsetof(struct config_network, field)
static const struct key loopback_keys[] = {
    { "type", read_ignored, 0 },
    { "name", read_loopback_name, 0 },
    { "address", read_addresses, 0 },
    { "gateway", read_loopback_gateway, 0 },
    { "mtu", read_mtu, FIELD(mtu) },
    { "txqueuelen", read_txqueuelen, FIELD(txqueuelen) },
    { "context", read_empty_context, 0 },
};
static const struct key veth_keys[] = {
    { "type", read_ignored, 0 },
    { "name", read_name, FIELD(name) },
    { "address", read_addresses, 0 },
    { "gateway", read_gateways, 0 },
    { "mtu", read_mtu, FIELD(mtu) },
    { "mac_address", read_mac, 0 },
    { "txqueuelen", read_txqueuelen, FIELD(txqueuelen) },
    { "routes", read_routes, 0 },
    { "context", read_veth_context, 0 },
};
static const struct key netns_keys[] = {
    { "type", read_ignored, 0 },
    { "context", read_netns_context, 0 },
};

static const struct kind {
    const char *name;
    enum config_network_type type;
    const struct key *keys; /* NULL: known to the specification, not to this version */
    size_t n_keys;
    void (*finish)(
            struct reader *reader, const struct node *node, struct config_network *network, bool clean);
} kinds[] = {
    { "loopback", NETWORK_LOOPBACK, loopback_keys, ARRAY_SIZE(loopback_keys), finish_loopback },
    { "veth", NETWORK_VETH, veth_keys, ARRAY_SIZE(veth_keys), finish_veth },
    { "netns", NETWORK_NETNS, netns_keys, ARRAY_SIZE(netns_keys), finish_netns },
    { .name = "macvlan" },
    { .name = "ipvlan" },
    { .name = "vlan" },
    { .name = "host_device" },
};

static const struct kind *find_kind(struct reader *reader, const struct node *network)
{
    struct node type = node_member(network, "type");
    const char *text = json_string_value(type.json);

    if (!require_key(reader, network, "type"))
        return NULL;
    for (size_t i = 0; text != NULL && i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, text) != 0)
            continue;
        if (kinds[i].keys != NULL)
            return &kinds[i];
        complain(reader, &type, "the network type \"%s\" is not supported by this version of libcontainer",
                text);
        return NULL;
    }
    complain_expected(reader, &type, "one of \"loopback\", \"veth\", \"netns\"");
    return NULL;
}

static bool read_network(struct reader *reader, const struct node *node, struct config_network *network)
{
    unsigned before = reader->complaints;
    const struct kind *kind;

    if (!json_is_object(node->json)) {
        complain_expected(reader, node, "an object");
        return false;
    }
    kind = find_kind(reader, node);
    if (kind == NULL)
        return false;
    network->pointer = node_pointer(reader, node);
    network->type = kind->type;
    read_object(reader, node, kind->keys, kind->n_keys, network);
    kind->finish(reader, node, network, reader->complaints == before);
    return true;
}

void read_networks(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of networks", NETWORKS_MAX))
        return;
    config->networks = keep_array(reader, json_array_size(node->json), sizeof(*config->networks));
    for (size_t i = 0; i < json_array_size(node->json) && config->networks != NULL; i++) {
        struct node item = node_item(node, i);

        if (read_network(reader, &item, &config->networks[config->n_networks]))
            config->n_networks++;
    }
}
