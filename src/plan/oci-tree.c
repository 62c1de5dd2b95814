/* Temporary: until the tree of config.json lands (helper "mounts", same file). */
#include <plan/plan.h>

void plan_network_once(struct plan_request *request)
{
    if (!request->network_joined)
        plan_join_network(request);
    request->network_joined = true;
}

void plan_wait_groups(struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;

    if (request->groups_waited)
        return;
    plan_network_once(request);
    request->groups_waited = true;
    plan_add(request->plan, WIRE_OP_WAIT, "");
    if ((config->namespaces & NAMESPACE_BIT(NAMESPACE_CGROUP)) == 0 ||
            config->oci.namespace_paths[NAMESPACE_CGROUP] != NULL)
        return;
    op = plan_add(request->plan, WIRE_OP_UNSHARE, config->pointers->namespaces);
    op->number[0] = config_namespaces[NAMESPACE_CGROUP].clone_flag;
    op->text[0] = plan_text(request->plan, config_namespaces[NAMESPACE_CGROUP].key);
}

int plan_tree_oci(struct plan_request *request, struct lc_error **err)
{
    int r;

    plan_sources(request);
    plan_filesystem(request);
    plan_mounts(request);
    r = plan_devices(request, err);
    plan_hiding(request, true);
    plan_network_once(request);
    plan_sysctls(request);
    plan_hiding(request, false);
    return r;
}
