/* routes of a network: [{destination, gateway, source, metric}]. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define ROUTES_MAX 1024

static void read_destination(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct config_route *route = target;

    if (text != NULL && strcmp(text, "default") == 0) {
        route->is_default = true;
        return;
    }
    if (!get_cidr(reader, node, &route->destination))
        return;
    if (address_has_host_bits(&route->destination))
        complain(reader, node, "expected a network, found %s, which has bits set beyond its prefix",
                quote(reader, text));
    route->is_default = route->destination.prefix == 0;
}

static void read_gateway(struct reader *reader, const struct node *node, void *target)
{
    struct config_route *route = target;

    route->has_gateway = get_address(reader, node, &route->gateway);
}

static void read_source(struct reader *reader, const struct node *node, void *target)
{
    struct config_route *route = target;

    route->has_source = get_address(reader, node, &route->source);
}

static void read_metric(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *metric = target;

    metric->set = get_integer(reader, node, 0, UINT32_MAX, &metric->value);
}

/* "default" alone does not say of which family it is. */
static void finish_family(struct reader *reader, const struct node *node, struct config_route *route)
{
    struct node gateway = node_member(node, "gateway"), source = node_member(node, "source");
    int *family = &route->destination.family;

    if (*family == 0)
        *family = route->has_gateway  ? route->gateway.family
                  : route->has_source ? route->source.family
                                      : AF_INET;
    if (route->has_gateway && route->gateway.family != *family)
        complain(reader, &gateway, "the gateway is not of the destination's address family");
    if (route->has_source && route->source.family != *family)
        complain(reader, &source, "the source is not of the destination's address family");
}

static void read_route(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "destination", read_destination, 0 },
        { "gateway", read_gateway, 0 },
        { "source", read_source, 0 },
        { "metric", read_metric, offsetof(struct config_route, metric) },
    };
    unsigned before = reader->complaints;
    struct config_route *route = target;

    route->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), route);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "destination");
    if (reader->complaints == before)
        finish_family(reader, node, route);
}

void read_routes(struct reader *reader, const struct node *node, void *target)
{
    struct config_network *network = target;

    network->routes = read_items(reader, node, "an array of routes", ROUTES_MAX, sizeof(*network->routes),
            read_route, &network->n_routes);
}
