#include <plan/plan.h>

#include <base/util.h>

#include <sched.h>

bool plan_makes_network(const struct lc_config *config)
{
    const char *const *paths = (const char *const *)config->oci.namespace_paths;
    bool user = (config->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0 || paths[NAMESPACE_USER] != NULL;
    bool joined = paths[NAMESPACE_NET] != NULL ||
                  (config->n_networks > 0 && config->networks[0].type == NETWORK_NETNS);

    return !user && !joined && (config->namespaces & NAMESPACE_BIT(NAMESPACE_NET)) != 0;
}

void plan_join_network(const struct plan_request *request)
{
    if (request->plan->makes_network)
        (void)plan_add(request->plan, WIRE_OP_JOIN_NETWORK, request->config->pointers->namespaces);
}

/* A user namespace owns what is created after it: so user, pid and mount first, maps, then all others (mqueue and
 * the network's sysfs would belong to nobody otherwise). The cgroup namespace comes after placement, so that its
 * root is the container's own group. */
void plan_namespaces(const struct plan_request *request)
{
    struct lc_plan *plan = request->plan;
    const struct lc_config *config = request->config;
    uint64_t now = 0, later = 0;
    struct wire_op *op;

    plan->makes_network = plan_makes_network(config);
    for (int ns = 0; ns < NAMESPACE_MAX_; ns++) {
        uint64_t flag = config_namespaces[ns].clone_flag;

        if ((config->namespaces & NAMESPACE_BIT(ns)) == 0 || ns == NAMESPACE_CGROUP)
            continue;
        if (ns == NAMESPACE_NET && config->n_networks > 0 && config->networks[0].type == NETWORK_NETNS)
            continue;
        if (ns == NAMESPACE_NET && plan->makes_network)
            continue;
        if (!request->user || ns == NAMESPACE_USER || ns == NAMESPACE_PID || ns == NAMESPACE_TIME ||
                ns == NAMESPACE_MNT)
            now |= flag;
        else
            later |= flag;
    }
    plan->clone_flags = now;
    plan->map_ids = request->user;
    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];

        if (network->type != NETWORK_NETNS)
            continue;
        op = plan_add(plan, WIRE_OP_SETNS, network->pointer);
        op->slot = plan_give(plan, (struct plan_given){ .kind = GIVEN_NAMESPACE,
                                           .path = network->nspath,
                                           .namespace = NAMESPACE_NET,
                                           .pointer = network->pointer });
        op->number[0] = CLONE_NEWNET;
        op->text[0] = plan_text(plan, network->nspath);
    }
    if (later != 0) {
        op = plan_add(plan, WIRE_OP_UNSHARE, config->pointers->namespaces);
        op->number[0] = later;
        op->number[1] = (later & CLONE_NEWNET) != 0;
        op->text[0] = plan_text(plan, "namespaces");
    }
    if (config->hostname != NULL)
        plan_add(plan, WIRE_OP_HOSTNAME, config->pointers->hostname)->text[0] =
                plan_text(plan, config->hostname);
    if (config->domainname != NULL)
        plan_add(plan, WIRE_OP_DOMAINNAME, config->pointers->domainname)->text[0] =
                plan_text(plan, config->domainname);
}
