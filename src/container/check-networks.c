/* Networks: looked at, and a veth pair really made, into a namespace that is thrown away. */
#include "check.h"

#include <base/util.h>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

struct attempt {
    struct check *check;
    const struct lc_config *config; /* with this network alone */
    int netns;
    struct lc_error *err;
};

static int make_pair(struct attempt *attempt, struct network_link *link)
{
    return network_make(attempt->config, link, attempt->netns, &attempt->check->log, &attempt->err);
}

/* The bridge would have to be made, and would stay: so on a host that is thrown away, too. */
static void make_apart(void *data)
{
    struct attempt *attempt = data;
    struct network_link link = { 0 };

    if (unshare(CLONE_NEWNET) < 0)
        (void)error_raise(&attempt->err,
                &(struct error_site){ .stage = "check",
                        .op = "veth",
                        .syscall = "unshare",
                        .errnum = errno,
                        .hint = hint_clone(errno, CLONE_NEWNET) },
                "the bridge is missing and cannot be made");
    else if (network_plan(attempt->config, &link, &attempt->err) == 0)
        (void)make_pair(attempt, &link);
}

static void make_here(struct attempt *attempt)
{
    struct check *check = attempt->check;
    struct record *record = &check->container.record;
    int r;

    record->links = calloc(1, sizeof(*record->links));
    record->n_links = record->links != NULL;
    r = record->links == NULL ? -ENOMEM : network_plan(attempt->config, record->links, &attempt->err);
    if (r == 0)
        r = record_write(&check->container, &attempt->err);
    if (r == 0)
        (void)make_pair(attempt, record->links);
    (void)check_undo(check, attempt->err == NULL ? &attempt->err : NULL);
}

static void try_veth(struct attempt *attempt)
{
    const struct config_network *network = attempt->config->networks;
    CLEAN_FD int netns = -EBADF;
    struct check_child child;
    char path[64];
    int r = check_child_start(attempt->check, CLONE_NEWNET, &child);

    if (r < 0) {
        (void)error_raise(&attempt->err,
                &(struct error_site){ .stage = "check",
                        .op = "veth",
                        .syscall = "clone",
                        .errnum = -r,
                        .hint = hint_clone(-r, CLONE_NEWNET) },
                "no network namespace can be made");
        return;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child.pid);
    netns = attempt->netns = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        (void)error_raise(&attempt->err,
                &(struct error_site){
                        .stage = "check", .op = "veth", .syscall = "open", .object = path, .errnum = errno },
                NULL);
    else if (network->create_bridge && if_nametoindex(network->bridge) == 0)
        (void)check_apart(make_apart, attempt);
    else
        make_here(attempt);
    check_child_end(&child);
}

static void check_network(struct check *check, const struct config_network *network)
{
    static const char *const remarks[NETWORK_TYPE_MAX_] = {
        [NETWORK_LOOPBACK] = "lo comes with the network namespace",
        [NETWORK_VETH] = "a pair was made and removed",
        [NETWORK_NETNS] = "it is a network namespace",
    };
    struct config_network alone = *network;
    struct lc_config config = *check->config;
    struct attempt attempt = { .check = check, .config = &config };

    config.networks = &alone;
    config.n_networks = 1;
    if (network_check(&config, &attempt.err) == 0 && network->type == NETWORK_VETH)
        try_veth(&attempt);
    if (attempt.err == NULL && network->type != NETWORK_NETNS && check->namespace_errors[NAMESPACE_NET] != 0)
        check_say(check, network->pointer, false, "needs NEWNET, which cannot be made here: see namespaces");
    else
        check_outcome(check, network->pointer, attempt.err, remarks[network->type]);
}

void check_networks(struct check *check, const char *key, json_t *value)
{
    (void)value;
    if (check->config->n_networks == 0)
        check_say(check, key, true, "none");
    for (size_t i = 0; i < check->config->n_networks; i++)
        check_network(check, &check->config->networks[i]);
}
