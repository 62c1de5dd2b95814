/* The table of strategies, and the loops over networks[]. */
#include "strategy.h"

#include <base/util.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct network_strategy *const strategies[NETWORK_TYPE_MAX_] = {
    [NETWORK_LOOPBACK] = &network_loopback,
    [NETWORK_VETH] = &network_veth,
    [NETWORK_NETNS] = &network_netns,
};

void network_pointer(const struct config_network *network, const char *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s%s", network->pointer != NULL ? network->pointer : "/networks", key);
}

int network_raise(struct lc_error **err, const struct config_network *network, const char *key,
        const struct error_site *site, const char *fmt, ...)
{
    struct error_site full = *site;
    char pointer[256], text[512] = "";
    va_list args;

    if (fmt != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
    }
    network_pointer(network, key, pointer, sizeof(pointer));
    full.stage = "network";
    full.op = strategies[network->type]->name;
    full.pointer = pointer;
    return error_raise(err, &full, text[0] != '\0' ? "%s" : NULL, text);
}

static int host_open(struct network_host *host, struct lc_error **err)
{
    host->fd = netlink_open();
    if (host->fd < 0)
        return error_raise(err,
                &(struct error_site){ .errnum = -host->fd, .stage = "network", .syscall = "socket" },
                "rtnetlink");
    return 0;
}

static void host_close(struct network_host *host)
{
    fd_close(&host->fd);
}
#define CLEAN_HOST CLEANUP(host_close)

static bool any_of_type(const struct lc_config *config, enum config_network_type type)
{
    for (size_t i = 0; i < config->n_networks; i++) {
        if (config->networks[i].type == type)
            return true;
    }
    return false;
}

int network_check(const struct lc_config *config, struct lc_error **err)
{
    CLEAN_HOST struct network_host host = { .fd = -EBADF };
    int result = network_validate(config, err);

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];
        const struct network_strategy *strategy = strategies[network->type];
        int r = 0;

        if (strategy->check == NULL)
            continue;
        if (host.fd < 0 && network->type != NETWORK_NETNS)
            r = host_open(&host, err);
        if (r == 0)
            r = strategy->check(&host, network, err);
        result = r < 0 ? r : result;
    }
    return result;
}

static bool planned_before(const struct network_link *links, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (links[at].host_name[0] != '\0' && strcmp(links[i].host_name, links[at].host_name) == 0)
            return true;
    }
    return false;
}

int network_plan(const struct lc_config *config, struct network_link *ret_links, struct lc_error **err)
{
    CLEAN_HOST struct network_host host = { .fd = -EBADF };

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];
        const struct network_strategy *strategy = strategies[network->type];
        int r = 0;

        ret_links[i] = (struct network_link){ 0 };
        if (strategy->plan == NULL)
            continue;
        if (host.fd < 0)
            r = host_open(&host, err);
        if (r < 0)
            return r;
        do
            r = strategy->plan(&host, network, &ret_links[i], err);
        while (r == 0 && planned_before(ret_links, i));
        if (r < 0)
            return r;
    }
    return 0;
}

/* What network_make has made so far: the links below `n_links`, and the bridges whose bit stands in
 * `bridges`. */
struct progress {
    size_t n_links;
    bool *bridges;
};

static int make_all(struct network_host *host, const struct lc_config *config,
        const struct network_link *links, int netns_fd, struct progress *progress, struct lc_error **err)
{
    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];
        const struct network_strategy *strategy = strategies[network->type];
        int r;

        if (network->type == NETWORK_VETH && network->create_bridge) {
            struct network_link_info bridge;

            r = network_bridge_find(host, network, &bridge, err);
            if (r == 0 && bridge.index == 0)
                r = network_bridge_make(host, network, err);
            if (r < 0)
                return r;
            progress->bridges[i] = r > 0;
        }
        r = strategy->make != NULL ? strategy->make(host, network, &links[i], netns_fd, err) : 0;
        if (r < 0)
            return r;
        progress->n_links = i + 1;
    }
    return 0;
}

int network_make(const struct lc_config *config, const struct network_link *links, int netns_fd,
        const struct log *log, struct lc_error **err)
{
    CLEAN_HOST struct network_host host = { .fd = -EBADF, .log = log };
    CLEAN_FREE bool *bridges = NULL;
    struct progress progress = { 0 };
    int r;

    if (!any_of_type(config, NETWORK_VETH))
        return 0;
    bridges = calloc(config->n_networks, sizeof(*bridges));
    if (bridges == NULL)
        return error_raise(err, &(struct error_site){ .errnum = ENOMEM, .stage = "network" }, NULL);
    progress.bridges = bridges;
    r = host_open(&host, err);
    if (r < 0)
        return r;
    r = make_all(&host, config, links, netns_fd, &progress, err);
    if (r == 0)
        return 0;
    while (progress.n_links > 0) {
        const struct network_strategy *strategy = strategies[config->networks[--progress.n_links].type];

        if (strategy->remove != NULL)
            (void)strategy->remove(&host, links[progress.n_links].host_name);
    }
    for (size_t i = config->n_networks; i > 0; i--) {
        if (bridges[i - 1])
            network_bridge_undo(&host, &config->networks[i - 1]);
    }
    return r;
}

int network_remove(const char *host_name)
{
    CLEAN_HOST struct network_host host = { .fd = -EBADF };
    int r;

    if (host_name == NULL || host_name[0] == '\0')
        return 0;
    r = host_open(&host, NULL);
    /* Only veth leaves something on the host; a second such strategy would need its type in the record. */
    return r < 0 ? r : network_veth.remove(&host, host_name);
}

int network_inside_messages(const struct config_network *network, struct buffer *out)
{
    const struct network_strategy *strategy = strategies[network->type];

    for (size_t i = 0; i < network->n_routes; i++) {
        const struct config_route *route = &network->routes[i];

        if ((route->has_gateway && route->gateway.family != route->destination.family) ||
                (route->has_source && route->source.family != route->destination.family))
            return -EINVAL;
    }
    if (strategy->inside != NULL)
        strategy->inside(network, out);
    return out->failed ? -ENOMEM : 0;
}
