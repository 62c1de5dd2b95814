/* What makes the process itself: network inside, identity, limits, terminal, and the exec. */
#include <plan/plan.h>

#include <base/util.h>
#include <network/network.h>

#include <string.h>

void plan_labels(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct lc_plan *plan = request->plan;
    const struct {
        const char *lsm, *label, *pointer;
    } rows[] = {
        { "apparmor", config->apparmor_profile, config->pointers->apparmor_profile },
        { "selinux", config->process_label, config->pointers->process_label },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct wire_op *op;

        if (rows[i].label == NULL)
            continue;
        op = plan_add(plan, WIRE_OP_LABEL, rows[i].pointer);
        op->text[0] = plan_text(plan, rows[i].lsm);
        op->text[1] = plan_text(plan, rows[i].label);
    }
    if (config->oom_score_adj.set)
        plan_add(plan, WIRE_OP_OOM_SCORE, config->pointers->oom_score_adj)->number[0] =
                (uint64_t)config->oom_score_adj.value;
}

static int add_network(const struct plan_request *request, const struct config_network *network,
        const char *pointer, struct lc_error **err)
{
    struct buffer messages = { 0 };
    struct wire_op *op;
    int r = network_inside_messages(network, &messages);

    if (r < 0 || messages.failed) {
        buffer_done(&messages);
        return error_raise(err,
                &(struct error_site){
                        .stage = "plan", .op = "network", .pointer = pointer, .errnum = r < 0 ? -r : ENOMEM },
                "the network messages cannot be built");
    }
    if (messages.length > 0) {
        op = plan_add(request->plan, WIRE_OP_NETWORK, pointer);
        op->text[0] = plan_text(request->plan, network->name);
        op->data = plan_data(request->plan, messages.data, messages.length);
        op->data_length = (uint32_t)messages.length;
    }
    buffer_done(&messages);
    return 0;
}

/* A network namespace is born with its "lo" down. */
int plan_loopback(const struct plan_request *request, struct lc_error **err)
{
    static const struct config_network loopback = { .type = NETWORK_LOOPBACK, .name = "lo" };

    return add_network(request, &loopback, "", err);
}

int plan_network(const struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    bool own = (config->namespaces & NAMESPACE_BIT(NAMESPACE_NET)) != 0, has_loopback = false;
    int r = 0;

    if ((config->namespaces & NAMESPACE_BIT(NAMESPACE_CGROUP)) != 0) {
        struct wire_op *op = plan_add(request->plan, WIRE_OP_UNSHARE, config->pointers->namespaces);

        op->number[0] = config_namespaces[NAMESPACE_CGROUP].clone_flag;
        op->text[0] = plan_text(request->plan, config_namespaces[NAMESPACE_CGROUP].key);
    }
    for (size_t i = 0; i < config->n_networks; i++) {
        if (config->networks[i].type == NETWORK_NETNS)
            own = false;
        if (strcmp(config->networks[i].name != NULL ? config->networks[i].name : "", "lo") == 0)
            has_loopback = true;
    }
    if (own && !has_loopback)
        r = plan_loopback(request, err);
    for (size_t i = 0; r == 0 && i < config->n_networks; i++)
        r = add_network(request, &config->networks[i], config->networks[i].pointer, err);
    return r;
}

static const char *user_pointer(const struct lc_config *config)
{
    return config->user != NULL && config->user[0] != '\0' ? config->pointers->user : "";
}

static void add_user(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    const char *user = config->user != NULL ? config->user : "", *colon = strchr(user, ':');
    struct lc_plan *plan = request->plan;
    struct wire_op *op = plan_add(plan, WIRE_OP_USER, user_pointer(config));

    if (user[0] != '\0') {
        size_t length = colon != NULL ? (size_t)(colon - user) : strlen(user);

        op->text[0] = plan_text(plan, arena_strndup(&plan->arena, user, length));
        op->text[1] = plan_text(plan, colon != NULL ? colon + 1 : NULL);
    }
    op->data = plan_data(plan, config->additional_groups, config->n_additional_groups * sizeof(uint32_t));
    op->data_length = (uint32_t)(config->n_additional_groups * sizeof(uint32_t));
}

static void add_exec(const struct plan_request *request)
{
    struct lc_plan *plan = request->plan;
    size_t argc = 0, envc = request->config->n_environment, total;
    uint32_t *offsets;
    struct wire_op *op;

    while (request->options->argv[argc] != NULL)
        argc++;
    total = argc + envc;
    offsets = arena_calloc(&plan->arena, total + 1, sizeof(*offsets));
    op = plan_add(plan, WIRE_OP_EXEC, "");
    if (offsets == NULL) {
        plan->failed = true;
        return;
    }
    for (size_t i = 0; i < argc; i++)
        offsets[i] = plan_text(plan, request->options->argv[i]);
    for (size_t i = 0; i < envc; i++)
        offsets[argc + i] = plan_text(plan, request->config->environment[i]);
    op->data = plan_data(plan, offsets, total * sizeof(*offsets));
    op->data_length = (uint32_t)(total * sizeof(*offsets));
    op->number[0] = argc;
    op->number[1] = envc;
}

static const char *capabilities_pointer(const struct lc_config *config)
{
    if (config->capabilities_given)
        return config->pointers->capabilities;
    return config->capabilities != UINT64_MAX ? config->pointers->capabilities_mask : "";
}

void plan_process(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct lc_plan *plan = request->plan;
    struct wire_op *op;

    add_user(request);
    plan_add(plan, WIRE_OP_SESSION, config->tty ? config->pointers->tty : "");
    for (size_t i = 0; i < config->n_rlimits; i++) {
        op = plan_add(plan, WIRE_OP_RLIMIT, config->rlimits[i].pointer);
        op->text[0] = plan_text(plan, config->rlimits[i].name);
        op->number[0] = (uint64_t)config->rlimits[i].resource;
        op->number[1] = config->rlimits[i].soft;
        op->number[2] = config->rlimits[i].hard;
    }
    op = plan_add(
            plan, WIRE_OP_CWD, strcmp(config->working_dir, "/") != 0 ? config->pointers->working_dir : "");
    op->text[0] = plan_text(plan, config->working_dir);
    plan_add(plan, WIRE_OP_BOUNDING, capabilities_pointer(config))->number[0] = config->capabilities;
    op = plan_add(plan, WIRE_OP_IDENTITY, user_pointer(config));
    op->number[0] = request->user && !request->options->privileged;
    plan_add(plan, WIRE_OP_CAPABILITIES, capabilities_pointer(config))->number[0] = config->capabilities;
    plan_add(plan, WIRE_OP_UMASK, config->umask.set ? config->pointers->umask : "")->number[0] =
            config->umask.set ? (uint64_t)config->umask.value : 022;
    if (config->no_new_privileges)
        plan_add(plan, WIRE_OP_NO_NEW_PRIVILEGES, config->pointers->no_new_privileges);
    add_exec(request);
}
